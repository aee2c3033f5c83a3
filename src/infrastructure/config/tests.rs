//! Layers, origins, problems and writing, on real files.

use std::fs;

use super::*;

struct Lab {
    folder: tempfile::TempDir,
}

impl Lab {
    fn new(config: &str, dotenv: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let lab = Self { folder };
        fs::create_dir_all(lab.file().parent().expect("a folder")).expect("folders");
        for (path, text) in [(lab.file(), config), (lab.file().with_file_name(".env"), dotenv)] {
            if !text.is_empty() {
                fs::write(path, text).expect("a file");
            }
        }
        lab
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("paraph/config.toml")
    }

    fn load(&self, variables: &[(&str, &str)]) -> Config {
        let own = ("XDG_CONFIG_HOME".into(), self.folder.path().into());
        let all = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).chain([own]);
        Config::load(&all.collect())
    }
}

/// What `key` is and where that comes from, the file's folder left out.
#[track_caller]
fn check(config: &str, dotenv: &str, variables: &[(&str, &str)], key: &str, value: &str, origin: &str) {
    let lab = Lab::new(config, dotenv);
    let loaded = lab.load(variables);
    let (found, from) = loaded.get(key).expect("a setting");
    let folder = format!("{}/", lab.file().parent().expect("a folder").display());
    assert_eq!((found.to_string().as_str(), from.to_string().replace(&folder, "").as_str()), (value, origin));
    assert_eq!(loaded.problems(), []);
}

#[test]
fn the_later_layer_wins_and_says_who_it_is() {
    let file = "# mine\nworkers = 3\n[policy]\nfrozen = [\"a\"]\n";
    check("", "", &[], "workers", "2", "built-in");
    check(file, "", &[], "workers", "3", "config.toml:2");
    check(file, "PARAPH_WORKERS=4\n", &[], "workers", "4", ".env:1");
    check(file, "PARAPH_WORKERS=4\n", &[("PARAPH_WORKERS", "5")], "workers", "5", "variable PARAPH_WORKERS");
    check(file, "", &[], "policy.frozen", "[\"a\"]", "config.toml:4");
    check(
        file,
        "",
        &[("PARAPH_POLICY_FROZEN", "b, c")],
        "policy.frozen",
        "[\"b\", \"c\"]",
        "variable PARAPH_POLICY_FROZEN",
    );
    check("", "\n# x\nexport PARAPH_LOG_LEVEL='debug'\n", &[], "log.level", "\"debug\"", ".env:3");
    check("threshold = 8\n", "", &[], "threshold", "8.0", "config.toml:1");
    check("threshold = 8.5\n", "", &[], "threshold", "8.5", "config.toml:1");
}

#[test]
fn variables_of_the_systems_before_are_understood() {
    check("", "", &[("AUTO_MERGE_THRESHOLD", "8.5")], "threshold", "8.5", "variable AUTO_MERGE_THRESHOLD");
    check("", "", &[("TARGET_REPO_PATH", "/srv/x")], "repository", "\"/srv/x\"", "variable TARGET_REPO_PATH");
    check("", "OPENAI_MODEL=m\n", &[], "model", "\"m\"", ".env:1");
    check("model = 'x'\n", "", &[("OPENAI_MODEL", "")], "model", "\"x\"", "config.toml:1");
    let both = [("AUTO_MERGE_THRESHOLD", "8.5"), ("PARAPH_THRESHOLD", "9.0")];
    check("", "", &both, "threshold", "9.0", "variable PARAPH_THRESHOLD");
    check("", "PARAPH_THRESHOLD=9.0\nAUTO_MERGE_THRESHOLD=8.5\n", &[], "threshold", "9.0", ".env:1");
}

#[test]
fn every_setting_has_a_variable_and_every_value_reads_back() {
    for (spec, value, _) in Lab::new("", "").load(&[]).all() {
        let words = match value {
            Value::Text(text) => text.clone(),
            Value::Texts(texts) => texts.join(","),
            other => other.to_string(),
        };
        let loaded = Lab::new("", "").load(&[(&spec.variable(), &words)]);
        assert_eq!(loaded.problems(), [], "{}", spec.key);
        assert_eq!(loaded.get(spec.key), Some((value, &Origin::Variable(spec.variable()))));
    }
}

#[track_caller]
fn check_problem(config: &str, dotenv: &str, variables: &[(&str, &str)], weight: Weight, told: &str) {
    let lab = Lab::new(config, dotenv);
    let loaded = lab.load(variables);
    let folder = format!("{}/", lab.file().parent().expect("a folder").display());
    let found: Vec<String> = loaded.problems().iter().map(|problem| problem.to_string().replace(&folder, "")).collect();
    assert!(found.iter().any(|problem| problem.contains(told)), "{found:?}");
    assert_eq!(loaded.problems()[0].weight, weight, "{found:?}");
    let _ = loaded.settings();
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_the_way_out() {
    use Weight::{Error, Warning};
    check_problem(
        "\nworkrs = 1\n",
        "",
        &[],
        Warning,
        "config.toml:2: unknown setting `workrs` (did you mean `workers`?)",
    );
    check_problem(
        "[policy]\nfrosen = []\n",
        "",
        &[],
        Warning,
        "config.toml:2: unknown setting `policy.frosen` (did you mean `policy.frozen`?)",
    );
    check_problem("max_files = 3\n", "", &[], Warning, "did you mean `policy.max_files`?");
    check_problem(
        "workers = \"many\"\n",
        "",
        &[],
        Error,
        "config.toml:1: `workers` is the string `\"many\"` (write a whole number from 1 to 256)",
    );
    check_problem("workers = 0\n", "", &[], Error, "config.toml:1: `workers` is `0`");
    check_problem("workers = 99999999999999999999\n", "", &[], Error, "config.toml:1: `workers` is");
    check_problem("threshold = 0.85\n", "", &[], Error, "write a number from 1.0 to 10.0");
    check_problem("policy = 3\n", "", &[], Error, "config.toml:1: `policy` is a table (write [policy])");
    check_problem("workers = 1\n= 3\n", "", &[], Error, "config.toml:2: ");
    check_problem("engine = \"gpt\"\n", "", &[], Error, "write one of rules, patch, adopt");
    check_problem("openai_api_key = \"sk-123456\"\n", "", &[], Error, "keys are not read from this file");
    check_problem("", "sk-123456\n", &[], Error, ".env:1: a line without `=`");
    check_problem("", "", &[("PARAPH_WORKER", "1")], Warning, "did you mean PARAPH_WORKERS?");
    check_problem(
        "",
        "",
        &[("PARAPH_UI_ASCII", "perhaps")],
        Error,
        "variable PARAPH_UI_ASCII: `ui.ascii` is `perhaps` (write true or false)",
    );
}

#[test]
fn what_is_right_beside_a_mistake_still_counts() {
    let loaded = Lab::new("workers = 5\nengine = 3\n[log]\nlevel = 'debug'\n", "").load(&[]);
    let settings = loaded.settings();
    assert_eq!((settings.workers, settings.engine.as_str(), settings.log.level.as_str()), (5, "rules", "debug"));
    assert_eq!(loaded.errors().count(), 1);
}

#[test]
fn keys_are_kept_and_never_shown() {
    let secret = "sk-canary-0123456789";
    let lab = Lab::new(&format!("openai_api_key = \"{secret}\"\n"), &format!("OPENAI_API_KEY={secret}\n{secret}\n"));
    let loaded = lab.load(&[("GITHUB_TOKEN", secret), ("GROQ_API_KEY", " ")]);
    assert_eq!(loaded.keys().present().map(|(name, _)| name).collect::<Vec<_>>(), ["GITHUB_TOKEN", "OPENAI_API_KEY"]);
    assert_eq!(loaded.keys().reveal("OPENAI_API_KEY"), Some(secret));
    let shown = format!(
        "{loaded:?} {:?} {:?}",
        loaded.settings(),
        loaded.problems().iter().map(ToString::to_string).collect::<Vec<_>>()
    );
    assert!(!shown.contains("canary"), "{shown}");
}

#[track_caller]
fn check_path(variables: &[(&str, &str)], expected: Option<&str>) {
    let environment = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    assert_eq!(path(&environment), expected.map(PathBuf::from));
}

#[test]
fn the_file_is_where_the_variables_say() {
    check_path(&[], None);
    check_path(&[("HOME", "/h")], Some("/h/.config/paraph/config.toml"));
    check_path(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")], Some("/x/paraph/config.toml"));
    check_path(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "x")], Some("/h/.config/paraph/config.toml"));
    check_path(&[("HOME", "/h"), ("PARAPH_CONFIG", "/c.toml")], Some("/c.toml"));
    assert_eq!(Config::load(&BTreeMap::new()).problems(), []);
}

#[track_caller]
fn check_set(text: &str, key: &str, value: &str, expected: &str) {
    assert_eq!(set_in_text(text, key, value).expect("set"), expected);
}

#[test]
fn setting_keeps_comments_and_order() {
    check_set("", "workers", "3", "workers = 3\n");
    check_set(
        "# a\nworkers = 2 # few\nengine = 'rules'\n",
        "workers",
        "9",
        "# a\nworkers = 9 # few\nengine = 'rules'\n",
    );
    check_set("workers = 2\n", "policy.frozen", "a/**, b", "workers = 2\n\n[policy]\nfrozen = [\"a/**\", \"b\"]\n");
    check_set(
        "[policy]\n# x\nmax_files = 1\n",
        "policy.frozen",
        "[\"a\"]",
        "[policy]\n# x\nmax_files = 1\nfrozen = [\"a\"]\n",
    );
    check_set("", "ui.theme", "nord", "[ui]\ntheme = \"nord\"\n");
    check_set("", "threshold", "8.5", "threshold = 8.5\n");
    check_set("", "ui.ascii", "on", "[ui]\nascii = true\n");
}

#[test]
fn a_setting_that_is_refused_leaves_the_file() {
    let told = |text, key, value| set_in_text(text, key, value).map_err(|error| (error.to_string(), error.hint()));
    let unknown = ("there is no setting `wrkers`".to_owned(), "paraph config set workers VALUE".to_owned());
    assert_eq!(told("", "wrkers", "3"), Err(unknown));
    assert!(told("", "workers", "many").expect_err("no number").1.contains("whole number"));
    assert!(told("= 3", "workers", "3").expect_err("no TOML").0.contains("does not read"));
    let lab = Lab::new("workers = 2\n", "");
    assert!(set(&lab.file(), "workers", "0").is_err());
    assert_eq!(fs::read_to_string(lab.file()).expect("there"), "workers = 2\n");
}

#[test]
fn a_setting_is_written_to_a_file_of_its_own_or_through_a_link() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("new/config.toml");
    set(&file, "workers", "7").expect("written");
    assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
    let link = folder.path().join("link.toml");
    std::os::unix::fs::symlink(&file, &link).expect("a link");
    set(&link, "workers", "8").expect("written");
    assert!(link.is_symlink());
    assert_eq!(fs::read_to_string(&file).expect("there"), "workers = 8\n");
}

#[test]
fn the_first_file_says_nothing_and_names_every_setting() {
    let loaded = Lab::new(&initial_text(), "").load(&[]);
    assert_eq!(loaded.problems(), []);
    assert!(loaded.all().all(|(_, _, origin)| *origin == Origin::BuiltIn));
    let switched_on: String = initial_text()
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line).to_owned() + "\n")
        .collect();
    let loaded = Lab::new(&switched_on, "").load(&[]);
    assert_eq!(loaded.problems(), [], "{switched_on}");
    assert!(loaded.all().all(|(_, _, origin)| matches!(origin, Origin::File { .. })));
}
