//! Which system calls are refused: other processes' memory, new namespaces and mounts, keys, kernel programs, the
//! terminal's input, and every socket that could leave.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};

use super::super::policy::{Level, Network};
use super::sys;

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
    filters(level, network)?.iter().try_for_each(|filter| apply_filter(filter)).map_err(|error| error.to_string())
}

/// Signals that make some programs open themselves to a debugger, or write down their memory: Node, Java.
const OPENERS: [i32; 3] = [libc::SIGUSR1, libc::SIGUSR2, libc::SIGQUIT];

/// Names the signal that a descriptor sends when it is ready.
const F_SETSIG: u64 = 10;

/// Calls by which a file is opened, replaced or executed.
const ASKED: &[i64] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_creat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_execve,
    libc::SYS_execveat,
];

/// Calls that send a signal, and which argument it is.
const SENDERS: [(i64, u8); 6] = [
    (libc::SYS_kill, 1),
    (libc::SYS_tkill, 1),
    (libc::SYS_tgkill, 2),
    (libc::SYS_rt_sigqueueinfo, 1),
    (libc::SYS_rt_tgsigqueueinfo, 2),
    (libc::SYS_pidfd_send_signal, 1),
];

/// Has the supervisor asked about every call that could reach a kept file, and refuses what would blur who is whose
/// child. After [`apply`]; whoever holds what this returns answers.
pub(super) fn ask_about_files() -> Result<OwnedFd, String> {
    apply_filter(&compile(blurring(), libc::EPERM)?).map_err(|error| error.to_string())?;
    sys::install_asking(&asking()?).map_err(|error| error.to_string())
}

/// Children that look like their grandparent's, debuggers, and signals by way of a descriptor.
fn blurring() -> Rules {
    let opener = |signal: i32| rule(&[is(1, F_SETSIG), is(2, signal as u64)]);
    BTreeMap::from([
        (libc::SYS_clone, vec![rule(&[has(0, libc::CLONE_PARENT as u64)])]),
        (
            libc::SYS_prctl,
            vec![
                rule(&[is(0, libc::PR_SET_CHILD_SUBREAPER as u64)]),
                rule(&[is(0, libc::PR_SET_DUMPABLE as u64), is_not(1, 0)]),
            ],
        ),
        (libc::SYS_fcntl, OPENERS.map(opener).into()),
    ])
}

/// The filter that asks; the crate knows no action for that, so another stands for it until it is compiled.
fn asking() -> Result<BpfProgram, String> {
    const STANDS_FOR_ASKING: u32 = 0x5041;
    let mut rules: Rules = ASKED.iter().map(|&call| (call, Vec::new())).collect();
    rules.extend(SENDERS.map(|(call, at)| (call, OPENERS.map(|signal| rule(&[is(at, signal as u64)])).into())));
    let mut program = compile_to(rules, SeccompAction::Trace(STANDS_FOR_ASKING))?;
    let stand_in = u32::from(SeccompAction::Trace(STANDS_FOR_ASKING));
    let returns =
        |step: &&mut seccompiler::sock_filter| u32::from(step.code) & 7 == libc::BPF_RET && step.k == stand_in;
    program.iter_mut().filter(returns).for_each(|step| step.k = libc::SECCOMP_RET_USER_NOTIF);
    Ok(program)
}

fn filters(level: Level, network: Network) -> Result<Vec<BpfProgram>, String> {
    let refusals = compile(refusals(level, network), libc::EPERM)?;
    // its flags are in memory, which a filter cannot read; without it libc falls back to clone, which one can
    let hidden_flags = compile(BTreeMap::from([(libc::SYS_clone3, Vec::new())]), libc::ENOSYS)?;
    let mut filters = vec![refusals, hidden_flags];
    if cfg!(target_arch = "x86_64") {
        filters.push(second_abi());
    }
    Ok(filters)
}

fn compile(rules: Rules, errno: i32) -> Result<BpfProgram, String> {
    compile_to(rules, SeccompAction::Errno(errno.unsigned_abs()))
}

fn compile_to(rules: Rules, action: SeccompAction) -> Result<BpfProgram, String> {
    let arch: TargetArch = std::env::consts::ARCH.try_into().map_err(|error| format!("{error}"))?;
    SeccompFilter::new(rules, SeccompAction::Allow, action, arch)
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

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: i32 = 0;

    /// `call` with its arguments, and the error it ends with under `level`.
    #[track_caller]
    fn check(level: Level, call: i64, arguments: [u64; 3], errno: i32) {
        let filters = filters(level, Network::None).expect("compiles");
        let found = sys::call_in_a_child(|| filters.iter().all(|filter| apply_filter(filter).is_ok()), call, arguments);
        assert_eq!(found, errno, "{level}: call {call} {arguments:x?}");
    }

    fn at_both(call: i64, arguments: [u64; 3], errno: i32) {
        check(Level::Full, call, arguments, errno);
        check(Level::Landlock, call, arguments, errno);
    }

    #[test]
    fn dangerous_calls_are_refused() {
        for call in [libc::SYS_ptrace, libc::SYS_bpf, libc::SYS_keyctl, libc::SYS_io_uring_setup, libc::SYS_userfaultfd]
        {
            at_both(call, [0, 0, 0], libc::EPERM);
        }
        at_both(libc::SYS_process_vm_writev, [1, 0, 0], libc::EPERM);
        at_both(libc::SYS_ioctl, [0, TIOCSTI, 0], libc::EPERM);
        at_both(libc::SYS_ioctl, [0, TIOCSTI | 1 << 32, 0], libc::EPERM); // the kernel looks at the lower half only
        at_both(libc::SYS_clone, [libc::CLONE_NEWUSER as u64, 0, 0], libc::EPERM);
        at_both(libc::SYS_clone3, [0, 0, 0], libc::ENOSYS);
        at_both(libc::SYS_unshare, [libc::CLONE_NEWNET as u64, 0, 0], libc::EPERM);
        at_both(libc::SYS_getpid, [0, 0, 0], ALLOWED);
    }

    #[test]
    fn what_would_blur_whose_child_is_whose_is_refused() {
        let filter = compile(blurring(), libc::EPERM).expect("compiles");
        let check = |call, arguments, errno| {
            let found = sys::call_in_a_child(|| apply_filter(&filter).is_ok(), call, arguments);
            assert_eq!(found, errno, "call {call} {arguments:x?}");
        };
        check(libc::SYS_clone, [libc::CLONE_PARENT as u64, 0, 0], libc::EPERM);
        check(libc::SYS_clone, [libc::CLONE_PARENT as u64 | libc::CLONE_VM as u64, 0, 0], libc::EPERM);
        check(libc::SYS_prctl, [libc::PR_SET_CHILD_SUBREAPER as u64, 1, 0], libc::EPERM);
        check(libc::SYS_prctl, [libc::PR_SET_DUMPABLE as u64, 1, 0], libc::EPERM);
        check(libc::SYS_prctl, [libc::PR_SET_DUMPABLE as u64, 0, 0], ALLOWED);
        check(libc::SYS_fcntl, [0, F_SETSIG, libc::SIGUSR1 as u64], libc::EPERM);
        check(libc::SYS_getpid, [0, 0, 0], ALLOWED);
    }

    #[test]
    fn calls_about_files_are_asked_about_and_others_are_not() {
        let program = asking().expect("compiles");
        let asks = program.iter().filter(|step| step.k == libc::SECCOMP_RET_USER_NOTIF).count();
        assert!(asks > 0, "{program:?}");
        let traces = program.iter().any(|step| step.k & libc::SECCOMP_RET_ACTION_FULL == libc::SECCOMP_RET_TRACE);
        assert!(!traces, "nothing is left of the stand-in");
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn the_second_abi_is_no_way_around() {
        at_both(0x4000_0000 | libc::SYS_ptrace, [0, 0, 0], libc::ENOSYS);
        at_both(0x4000_0000 | libc::SYS_getpid, [0, 0, 0], libc::ENOSYS);
    }

    #[test]
    fn sockets_that_could_leave_are_refused() {
        let socket = |level, family: i32, kind: i32, errno| {
            check(level, libc::SYS_socket, [family as u64, kind as u64, 0], errno);
        };
        let stream = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
        for level in [Level::Full, Level::Landlock] {
            socket(level, libc::AF_VSOCK, stream, libc::EPERM);
            socket(level, libc::AF_ALG, libc::SOCK_SEQPACKET, libc::EPERM);
            socket(level, libc::AF_PACKET, libc::SOCK_RAW, libc::EPERM);
            socket(level, libc::AF_UNIX, stream, ALLOWED);
        }
        socket(Level::Full, libc::AF_INET, stream, ALLOWED);
        socket(Level::Landlock, libc::AF_INET, stream, libc::EPERM);
        socket(Level::Landlock, libc::AF_INET6, libc::SOCK_DGRAM, libc::EPERM);
        socket(Level::Landlock, libc::AF_NETLINK, libc::SOCK_RAW, libc::EPERM);
        socket(Level::Landlock, libc::AF_UNIX, libc::SOCK_DGRAM | libc::SOCK_NONBLOCK, libc::EPERM);
        check(Level::Landlock, libc::SYS_connect, [0, 0, 0], libc::EPERM);
    }
}
