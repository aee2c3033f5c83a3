//! Who runs this process: `login@host`.

use std::collections::BTreeMap;

/// The login of this process's uid as the machine knows it (the environment's word only where it does not), and the
/// machine's name.
pub(super) fn login_at_host(variables: &BTreeMap<String, String>) -> String {
    let uid = rustix::process::getuid().as_raw();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let login =
        login_of(&passwd, uid).or_else(|| variables.get("USER").cloned()).unwrap_or_else(|| format!("uid-{uid}"));
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{login}@{host}")
}

fn login_of(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let login = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| login.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::login_of;

    #[test]
    fn the_machine_knows_the_login_of_a_uid() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nana:x:1000:1000::/home/ana:/bin/sh\nbroken\n";
        assert_eq!(login_of(passwd, 0).as_deref(), Some("root"));
        assert_eq!(login_of(passwd, 1000).as_deref(), Some("ana"));
        assert_eq!(login_of(passwd, 7), None);
    }
}
