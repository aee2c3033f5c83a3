//! Which programs are the program's own: those that lie where it lies, and scripts there that a plain interpreter runs.
//!
//! Only places count that nothing inside can write to, on the whole way to the file: what the kernel executes later is
//! then what was looked at. An interpreter is believed if nothing tells it to run anything but that script.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use super::super::super::protocol::Order;
use super::caller::normal;

const MOST_LINKS: usize = 40;
/// Written to by everybody inside, whatever the order says.
const OPEN: [&str; 4] = ["/tmp", "/dev", "/proc", "/run"];
/// Folders of many programs: of such a program the file alone is its own.
const SHARED: [&str; 5] = ["bin", "sbin", "shims", "libexec", ".bin"];
/// Programs that do what they are told: none is anybody's own.
const INTERPRETERS: [&str; 36] = [
    "sh", "bash", "dash", "zsh", "ksh", "mksh", "fish", "tcsh", "csh", "nu", "pwsh", "busybox", "toybox", "env",
    "xargs", "awk", "gawk", "mawk", "sed", "perl", "ruby", "php", "lua", "luajit", "tclsh", "java", "dotnet", "deno",
    "qjs", "Rscript", "emacs", "vim", "nvim", "git", "gdb", "ld.so",
];
/// Variables that make an interpreter, or the loader, run something else.
const STEERING: [&str; 19] = [
    "LD_",
    "NODE_",
    "PYTHON",
    "BUN_",
    "DENO_",
    "BASH_ENV",
    "BASH_FUNC_",
    "ENV=",
    "PERL5",
    "PERLLIB",
    "RUBY",
    "JAVA_TOOL",
    "_JAVA",
    "JDK_JAVA",
    "GLIBC_",
    "GCONV_",
    "OPENSSL_",
    "SSLKEYLOG",
    "ELECTRON_",
];
/// Those of them that say nothing of the kind.
const HARMLESS: [&str; 15] = [
    "NODE_ENV=",
    "NODE_NO_WARNINGS=",
    "NODE_DISABLE_COLORS=",
    "NODE_USE_ENV_PROXY=",
    "NODE_PENDING_DEPRECATION=",
    "NODE_CHANNEL_FD=",
    "NODE_CHANNEL_SERIALIZATION_MODE=",
    "NODE_UNIQUE_ID=",
    "NODE_EXTRA_CA_CERTS=",
    "PYTHONUNBUFFERED=",
    "PYTHONIOENCODING=",
    "PYTHONUTF8=",
    "PYTHONDONTWRITEBYTECODE=",
    "PYTHONNOUSERSITE=",
    "PYTHONHASHSEED=",
];
/// Options of Node that run nothing.
const NODE_OPTIONS: [&str; 15] = [
    "--max-old-space-size=",
    "--max-semi-space-size=",
    "--max-http-header-size=",
    "--stack-size=",
    "--stack-trace-limit=",
    "--no-warnings",
    "--no-deprecation",
    "--disable-warning=",
    "--trace-warnings",
    "--enable-source-maps",
    "--expose-gc",
    "--expose_gc",
    "--unhandled-rejections=",
    "--dns-result-order=",
    "--use-system-ca",
];
/// Options of Python that run nothing; `-I` and `-s` leave the packages out that a command may have put in the home.
const PYTHON_OPTIONS: [&str; 9] = ["-I", "-s", "-u", "-B", "-E", "-O", "-OO", "-P", "-q"];

/// What is about to be executed.
pub(super) struct Execution {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    pub(super) variables: Vec<OsString>,
    pub(super) folder: Option<PathBuf>,
}

pub(super) struct Programs {
    /// Folders and files.
    own: Vec<PathBuf>,
    /// Folders that can be written to inside.
    writable: Vec<PathBuf>,
    /// The program's own variables that steer.
    steered: Vec<OsString>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Interpreter {
    Node,
    Python,
    Bun,
}

impl Programs {
    pub(super) fn new(order: &Order, own: &[OsString]) -> Self {
        let given = order.writable.iter().chain([&order.scratch]);
        let shown = order.placed.iter().map(|(_, at)| at).chain(order.overlays.iter().map(|overlay| &overlay.at));
        let named = given.chain(shown).map(PathBuf::from).chain(OPEN.map(PathBuf::from));
        let writable = named.flat_map(|path| [fs::canonicalize(&path).ok(), Some(path)]).flatten().collect();
        let steered = order.env.iter().map(|(name, value)| {
            let mut variable = name.clone();
            variable.push("=");
            variable.push(value);
            variable
        });
        let mut this = Self { own: Vec::new(), writable, steered: steered.filter(|text| steers(text)).collect() };
        this.own = own.iter().filter_map(|path| this.steady(Path::new(path))).collect();
        this
    }

    /// What the program itself became is its own, with what lies around it.
    pub(super) fn became(&mut self, execution: &Execution) {
        let Some(program) = self.steady(&execution.program) else { return };
        let script = interpreter(&program).and_then(|kind| script(kind, execution));
        let script = script.and_then(|script| self.steady(&script)).and_then(|script| folder_of_its_own(&script));
        let own = [folder_of_its_own(&program), script];
        self.own.extend(own.into_iter().flatten().filter(|path| !self.own.contains(path)).collect::<Vec<_>>());
    }

    /// Whether `execution`, of the program itself, leaves it the program itself.
    pub(super) fn is_own(&self, execution: &Execution) -> bool {
        let Some(program) = self.steady(&execution.program) else { return false };
        if execution.variables.iter().any(|variable| steers(variable) && !self.steered.contains(variable)) {
            return false;
        }
        match interpreter(&program) {
            None => self.is_below(&program) && !is_told(&program),
            Some(kind) => {
                let is_apart = match kind {
                    Interpreter::Node => true,
                    Interpreter::Python => execution.is_without_users_packages(),
                    // its settings are read from the folder that it is started in
                    Interpreter::Bun => execution.folder.as_ref().is_some_and(|folder| self.steady(folder).is_some()),
                };
                is_apart
                    && script(kind, execution)
                        .and_then(|script| self.steady(&script))
                        .is_some_and(|script| self.is_below(&script))
            }
        }
    }

    fn is_below(&self, path: &Path) -> bool {
        self.own.iter().any(|own| path.starts_with(own))
    }

    /// Whether nothing inside can put another file at this real path.
    pub(super) fn is_steady(&self, path: &Path) -> bool {
        !self.writable.iter().any(|open| path.starts_with(open))
    }

    /// The real path of `path`, if nothing on the way to it can be changed from inside.
    fn steady(&self, path: &Path) -> Option<PathBuf> {
        let mut at = PathBuf::from("/");
        let mut links = 0;
        let mut rest: VecDeque<OsString> = path.components().map(|part| part.as_os_str().to_owned()).collect();
        while let Some(part) = rest.pop_front() {
            match Path::new(&part).components().next()? {
                Component::RootDir => at = PathBuf::from("/"),
                Component::ParentDir => drop(at.pop()),
                Component::CurDir | Component::Prefix(_) => {}
                Component::Normal(name) => {
                    let next = at.join(name);
                    let found = fs::symlink_metadata(&next).ok().filter(|_| self.is_steady(&next))?;
                    if found.is_symlink() {
                        links += 1;
                        let target = fs::read_link(&next).ok().filter(|_| links <= MOST_LINKS)?;
                        target.components().rev().for_each(|part| rest.push_front(part.as_os_str().to_owned()));
                    } else {
                        at = next;
                    }
                }
            }
        }
        Some(at)
    }
}

impl Execution {
    /// Whether Python looks for no packages in the home, which a command can write to.
    fn is_without_users_packages(&self) -> bool {
        let told = self.arguments.iter().skip(1).take_while(|word| word.as_bytes().starts_with(b"-"));
        told.into_iter().any(|word| word == "-I" || word == "-s")
            || self
                .variables
                .iter()
                .any(|text| text.as_bytes().strip_prefix(b"PYTHONNOUSERSITE=").is_some_and(|v| !v.is_empty()))
    }
}

/// The error that executing `program` ends with at once, as in a search along PATH.
pub(super) fn cannot_be_executed(program: &Path) -> Option<i32> {
    match fs::metadata(program) {
        Err(error) => error.raw_os_error(),
        Ok(found) if !found.is_file() || found.permissions().mode() & 0o111 == 0 => Some(libc::EACCES),
        Ok(_) => None,
    }
}

/// The file that a program's name means, along the PATH of `variables`.
pub(super) fn found_along(path: Option<&OsStr>, folder: &Path, program: &OsStr) -> Option<PathBuf> {
    if program.as_bytes().contains(&b'/') {
        return Some(normal(&folder.join(program)));
    }
    let path = path.unwrap_or(OsStr::new("/bin:/usr/bin"));
    let places = std::env::split_paths(path).map(|place| normal(&folder.join(place).join(program)));
    places.into_iter().find(|place| cannot_be_executed(place).is_none())
}

fn steers(variable: &OsStr) -> bool {
    let starts = |names: &[&str]| names.iter().any(|name| variable.as_bytes().starts_with(name.as_bytes()));
    starts(&STEERING) && !starts(&HARMLESS)
}

fn name_of(program: &Path) -> &str {
    program.file_name().and_then(OsStr::to_str).unwrap_or_default()
}

fn is_told(program: &Path) -> bool {
    let name = name_of(program);
    INTERPRETERS.contains(&name) || name.starts_with("ld-") || name.starts_with("perl5") || name.starts_with("ruby")
}

fn interpreter(program: &Path) -> Option<Interpreter> {
    let name = name_of(program);
    let is_version = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match name {
        "node" | "nodejs" => Some(Interpreter::Node),
        "bun" => Some(Interpreter::Bun),
        _ if name.strip_prefix("python").is_some_and(is_version) => Some(Interpreter::Python),
        _ if name.strip_prefix("node").is_some_and(is_version) => Some(Interpreter::Node),
        _ => None,
    }
}

/// The script that an interpreter runs, if it is told nothing else.
fn script(kind: Interpreter, execution: &Execution) -> Option<PathBuf> {
    let harmless = |word: &OsStr| match kind {
        Interpreter::Node => NODE_OPTIONS.iter().any(|option| match option.strip_suffix('=') {
            Some(_) => word.as_bytes().starts_with(option.as_bytes()),
            None => word == *option || word.as_bytes().starts_with(format!("{option}=").as_bytes()),
        }),
        Interpreter::Python => PYTHON_OPTIONS.iter().any(|option| word == *option),
        Interpreter::Bun => false,
    };
    let mut words = execution.arguments.iter().skip(1).skip_while(|word| harmless(word));
    let script = words.next().filter(|word| !word.as_bytes().starts_with(b"-") && !word.is_empty())?;
    Some(execution.folder.as_ref()?.join(script))
}

/// What around a file belongs to the program that it is: its package, or its folder where that is no folder of many
/// programs. `None` for a program that does what it is told.
fn folder_of_its_own(file: &Path) -> Option<PathBuf> {
    let parts: Vec<&OsStr> = file.iter().collect();
    if let Some(modules) = parts.iter().position(|part| *part == "node_modules") {
        let end = match (modules >= 2 && parts[modules - 2] == "_npx", parts.get(modules + 1)) {
            (true, _) => modules + 1, // made for this one program
            (false, Some(scope)) if scope.as_bytes().starts_with(b"@") => modules + 3,
            (false, _) => modules + 2,
        };
        return Some(parts.iter().take(end).collect());
    }
    let folder = file.parent()?;
    let is_shared = folder.file_name().is_none_or(|name| SHARED.iter().any(|shared| name == *shared));
    let of_the_system = |path: &Path| {
        ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/nix", "/gnu"].iter().any(|system| path.starts_with(system))
    };
    // /opt/tool may be one program's, /home/me and /usr/lib are not
    let is_broad =
        parts.len() <= 3 || (parts.len() == 4 && ["/usr", "/home", "/var"].iter().any(|top| file.starts_with(top)));
    if !is_shared && !is_broad {
        return Some(folder.to_owned());
    }
    let is_plain = interpreter(file).is_none() && !is_told(file);
    let is_systems = of_the_system(file) && !file.starts_with("/usr/local");
    (is_plain && !is_systems).then(|| file.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &str, own: Option<&str>) {
        assert_eq!(folder_of_its_own(Path::new(file)).as_deref(), own.map(Path::new), "{file}");
    }

    #[test]
    fn a_program_owns_its_package_or_its_folder() {
        check("/usr/lib/node_modules/@a/b/dist/index.js", Some("/usr/lib/node_modules/@a/b"));
        check("/usr/lib/node_modules/b/node_modules/c/bin/c", Some("/usr/lib/node_modules/b"));
        check("/home/me/.npm/_npx/1f/node_modules/@a/b/x.js", Some("/home/me/.npm/_npx/1f/node_modules"));
        check("/opt/agent/lib/agent", Some("/opt/agent/lib"));
        check("/opt/agent/agent", Some("/opt/agent"));
        check("/opt/agent/bin/agent", Some("/opt/agent/bin/agent"));
        check("/home/me/.local/bin/goose", Some("/home/me/.local/bin/goose"));
        check("/usr/local/bin/goose", Some("/usr/local/bin/goose"));
        check("/home/me/agent.js", Some("/home/me/agent.js"));
        for nobodys in [
            "/usr/bin/bash",
            "/usr/bin/git",
            "/usr/bin/node",
            "/opt/py/bin/python3.12",
            "/usr/lib/x.so",
            "/usr/local/bin/perl5.36",
        ] {
            check(nobodys, None);
        }
    }

    /// Programs of which `own` is a folder that cannot be written to.
    fn programs(own: &Path, writable: &Path) -> Programs {
        Programs {
            own: vec![own.to_owned()],
            writable: vec![writable.to_owned()],
            steered: vec!["NODE_OPTIONS=--x".into()],
        }
    }

    #[test]
    fn only_what_lies_there_and_runs_nothing_else_is_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let top = folder.path().canonicalize().expect("a path");
        for name in ["own", "open", "bin"] {
            fs::create_dir(top.join(name)).expect("a folder");
        }
        for name in
            ["own/agent", "own/cli.js", "own/sh", "open/agent", "open/x.js", "bin/node", "bin/python3", "bin/bun"]
        {
            fs::write(top.join(name), "").expect("a file");
        }
        std::os::unix::fs::symlink(top.join("own/agent"), top.join("bin/agent")).expect("a link");
        std::os::unix::fs::symlink(top.join("own/agent"), top.join("open/link")).expect("a link");
        let programs = programs(&top.join("own"), &top.join("open"));
        let is = |program: &str, arguments: &[&str], variables: &[&str], folder: &str| {
            programs.is_own(&Execution {
                program: top.join(program),
                arguments: [program].iter().chain(arguments).map(OsString::from).collect(),
                variables: variables.iter().map(OsString::from).collect(),
                folder: Some(top.join(folder)),
            })
        };
        let cli = top.join("own/cli.js");
        let cli = cli.to_str().expect("text");
        assert!(is("own/agent", &["--any", "-c", "thing"], &["PATH=x", "NODE_OPTIONS=--x", "NODE_ENV=test"], "open"));
        assert!(is("bin/agent", &[], &[], "open"), "a link that cannot be changed is as good");
        assert!(is("bin/node", &[cli, "-e", "1"], &[], "open"));
        assert!(is("bin/node", &["--max-old-space-size=99", "--no-warnings=X", "cli.js"], &[], "own"));
        assert!(is("bin/python3", &["-s", cli], &[], "open"));
        assert!(is("bin/python3", &[cli], &["PYTHONNOUSERSITE=1"], "open"));
        assert!(is("bin/bun", &[cli], &[], "own"));
        for (program, arguments, variables) in [
            ("open/agent", &[][..], &[][..]),
            ("open/link", &[], &[]),
            ("own/sh", &["-c", "cat"], &[]),
            ("own/missing", &[], &[]),
            ("own/agent", &[], &["LD_PRELOAD=/tmp/x.so"]),
            ("own/agent", &[], &["NODE_OPTIONS=--require x"]),
            ("own/agent", &[], &["BASH_ENV=x"]),
            ("bin/node", &[], &[]),
            ("bin/node", &["-e", "1", cli], &[]),
            ("bin/node", &["-r", "x", cli], &[]),
            ("bin/node", &["--import=x", cli], &[]),
            ("bin/node", &["../open/x.js"], &[]),
            ("bin/node", &["../own/cli.js"], &[]), // a folder that can be moved
            ("bin/python3", &[cli], &[]),
            ("bin/python3", &["-c", "pass"], &["PYTHONNOUSERSITE=1"]),
            ("bin/bun", &[cli], &[]),
        ] {
            assert!(!is(program, arguments, variables, "open"), "{program} {arguments:?} {variables:?}");
        }
    }
}
