//! Which system calls are refused: other processes' memory, new namespaces and mounts, keys, kernel programs, the
//! terminal's input, and every socket that could leave.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};

use super::super::policy::{Level, Network};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Refused whatever the arguments.
const REFUSED: &[i64] = &[
    // other processes
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // ways around this filter
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_userfaultfd,
    // the kernel's own machinery
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_quotactl,
    libc::SYS_fanotify_init,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_vhangup,
    libc::SYS_open_by_handle_at,
    // namespaces and mounts
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_mount_setattr,
];

/// Terminal requests that type for the user.
const TIOCSTI: u64 = 0x5412;
const TIOCLINUX: u64 = 0x541C;

/// Installs the filters on this process, for it and all it starts.
pub(super) fn apply(level: Level, network: Network) -> Result<(), String> {
    let refusals = compile(refusals(level, network), libc::EPERM)?;
    // its flags are in memory, which a filter cannot read; without it libc falls back to clone, which one can
    let hidden_flags = compile(BTreeMap::from([(libc::SYS_clone3, Vec::new())]), libc::ENOSYS)?;
    for program in [refusals, hidden_flags] {
        apply_filter(&program).map_err(|error| error.to_string())?;
    }
    #[cfg(target_arch = "x86_64")]
    apply_filter(&second_abi()).map_err(|error| error.to_string())?;
    Ok(())
}

fn compile(rules: Rules, errno: i32) -> Result<BpfProgram, String> {
    let arch: TargetArch = std::env::consts::ARCH.try_into().map_err(|error| format!("{error}"))?;
    SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno.unsigned_abs()), arch)
        .and_then(TryInto::try_into)
        .map_err(|error| error.to_string())
}

fn refusals(level: Level, network: Network) -> Rules {
    let mut rules: Rules = REFUSED.iter().map(|&call| (call, Vec::new())).collect();
    let namespaces = [
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWCGROUP,
    ];
    rules.insert(libc::SYS_clone, namespaces.map(|flag| rule(&[has(0, flag as u64)])).into());
    rules.insert(libc::SYS_ioctl, vec![rule(&[is(1, TIOCSTI)]), rule(&[is(1, TIOCLINUX)])]);
    if level == Level::Full {
        // vsock reaches the machine below, alg and the like are the kernel's doors
        let known = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
        rules.insert(libc::SYS_socket, vec![rule(&known.map(|family| is_not(0, family as u64)))]);
    } else if network == Network::None {
        // a datagram socket needs no connect: it names its target with each message
        let datagram = || condition(1, SeccompCmpOp::MaskedEq(0xf), libc::SOCK_DGRAM as u64);
        let not_local = rule(&[is_not(0, libc::AF_UNIX as u64)]);
        rules.insert(libc::SYS_socket, vec![not_local, rule(&[datagram()])]);
        rules.insert(libc::SYS_socketpair, vec![rule(&[datagram()])]);
        rules.insert(libc::SYS_connect, Vec::new());
    }
    rules
}

fn rule(conditions: &[SeccompCondition]) -> SeccompRule {
    SeccompRule::new(conditions.to_vec()).expect("a rule has at least one condition")
}

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> SeccompCondition {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value).expect("an argument below six")
}

fn is(argument: u8, value: u64) -> SeccompCondition {
    condition(argument, SeccompCmpOp::Eq, value)
}

fn is_not(argument: u8, value: u64) -> SeccompCondition {
    condition(argument, SeccompCmpOp::Ne, value)
}

fn has(argument: u8, flag: u64) -> SeccompCondition {
    condition(argument, SeccompCmpOp::MaskedEq(flag), flag)
}

/// Refuses the x32 calls of the same processor: their numbers are others, so no rule above would fit them.
#[cfg(target_arch = "x86_64")]
fn second_abi() -> BpfProgram {
    use seccompiler::sock_filter;
    const X32_BIT: u32 = 0x4000_0000;
    let step = |code: u32, jt, jf, k| sock_filter { code: code as u16, jt, jf, k };
    vec![
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0), // the call's number
        step(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, X32_BIT),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs()),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]
}
