//! Finding secrets in text: a keyword prefilter, one expression a shape, and randomness where the shape says little.
//!
//! No mark in a text lifts anything: whoever wrote the secret wrote the mark too. A finding names the rule and the place,
//! never the secret.

mod rules;

use std::ops::Range;
use std::sync::OnceLock;

use regex::Regex;

pub(super) use rules::PRIVATE_KEY;
use rules::{GENERIC, HIDDEN, NAMES, RULES, Rule, TELLS_OF, UNQUOTED};

use super::words::Words;

/// A secret and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's id, such as `github-token`.
    pub rule: &'static str,
    /// The line it starts on, 1-based.
    pub line: usize,
    /// The bytes of the secret in the text.
    pub range: Range<usize>,
}

/// What a rule is called and what it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleInfo {
    /// Its id.
    pub id: &'static str,
    /// What it finds, in a few words.
    pub describes: &'static str,
}

/// Finds secrets. Building one costs a table of keywords; each expression is compiled at its first hit.
#[derive(Debug)]
pub struct SecretScanner {
    rules: Vec<&'static Rule>,
    keywords: Words,
    /// For each keyword the rule it belongs to.
    rule_of: Vec<usize>,
    expressions: Vec<OnceLock<Regex>>,
}

/// Bytes of a private key in PEM form. // an RSA key of 16,384 bits takes 13 KiB
pub(super) const LARGEST_KEY: usize = 16 << 10;
/// How much of a very long line is looked at around a keyword: minified bundles have lines of megabytes.
const WINDOW: usize = 2048;
/// Words of documentation and tests: a value that holds one is no secret.
const PLACEHOLDERS: [&str; 17] = [
    "example",
    "changeme",
    "change_me",
    "placeholder",
    "your",
    "xxxx",
    "dummy",
    "sample",
    "redacted",
    "fake",
    "todo",
    "insert",
    "abcdefgh",
    "12345678",
    "replace",
    "password",
    "....",
];

impl Default for SecretScanner {
    fn default() -> Self {
        Self::new()
    }
}

impl SecretScanner {
    /// A scanner with all rules that a change is judged by.
    #[must_use]
    pub fn new() -> Self {
        Self::with(RULES.iter().collect())
    }

    /// A scanner with these and with those that only hide: what they find is too often none to be held against anybody.
    #[must_use]
    pub fn for_hiding() -> Self {
        Self::with(RULES.iter().chain(HIDDEN).collect())
    }

    fn with(rules: Vec<&'static Rule>) -> Self {
        let pairs: Vec<(usize, &str)> =
            rules.iter().enumerate().flat_map(|(at, rule)| rule.keywords.iter().map(move |word| (at, *word))).collect();
        let keywords = Words::new(pairs.iter().map(|(_, word)| *word));
        let expressions = rules.iter().map(|_| OnceLock::new()).collect();
        Self { rules, keywords, rule_of: pairs.iter().map(|(at, _)| *at).collect(), expressions }
    }

    /// Whether `text` holds what secrets of some shape begin with.
    pub(super) fn has_beginning(&self, text: &str) -> bool {
        self.keywords.find(text).any(|(_, number)| !NAMES.contains(&self.keywords.word(number)))
    }

    /// Whether what follows `before` on its line is the value of a telling name.
    pub(super) fn is_value(&self, before: &str) -> bool {
        let opened = before.trim_end_matches([' ', '\t']);
        let word = opened.rsplit(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        let is_scheme = ["bearer", "basic", "token"].iter().any(|scheme| word.eq_ignore_ascii_case(scheme));
        let opens = opened.ends_with(['=', ':', '>', '-', '"', '\'', '`']);
        (opens || (is_scheme && opened.len() < before.len())) && self.keywords.find(before).next().is_some()
    }

    /// Whether a rule of that id finds secrets, or hides them.
    pub(super) fn is_rule(id: &str) -> bool {
        RULES.iter().chain(HIDDEN).any(|rule| rule.id == id)
    }

    /// The rules that a change is judged by, most telling first.
    pub fn rules() -> impl Iterator<Item = RuleInfo> {
        RULES.iter().map(|rule| RuleInfo { id: rule.id, describes: rule.describes })
    }

    /// The secrets in `text`, in the order they stand; of two that overlap the more telling one.
    #[must_use]
    pub fn scan(&self, text: &str) -> Vec<Finding> {
        let mut hits: Vec<(usize, Range<usize>)> = Vec::new();
        // for each rule, where it last looked: many keywords on one line cost one search
        let mut looked: Vec<Range<usize>> = Vec::new();
        for (start, number) in self.keywords.find(text) {
            let rule = self.rule_of[number];
            let window = window_around(text, start..start + self.keywords.word(number).len());
            if looked.is_empty() {
                looked.resize(self.rules.len(), 0..0);
            }
            if looked[rule] != window {
                if (self.rules[rule].may_match)(&text.as_bytes()[window.clone()]) {
                    self.look(rule, text, &window, &mut hits);
                }
                looked[rule] = window;
            }
        }
        hits.sort_by_key(|(rule, range)| (range.start, *rule));
        self.without_overlaps(text, hits)
    }

    fn look(&self, number: usize, text: &str, window: &Range<usize>, hits: &mut Vec<(usize, Range<usize>)>) {
        let rule = self.rules[number];
        let expression = self.expressions[number]
            .get_or_init(|| Regex::new(rule.pattern).expect("every pattern is compiled by a test"));
        let line = &text[window.clone()];
        for captures in expression.captures_iter(line) {
            let named = captures.name("value").or_else(|| captures.get(1));
            let found = named.or_else(|| captures.get(0)).expect("group 0 is always there");
            let range = window.start + found.start()..window.start + found.end();
            let is_alone = || {
                let name = captures.name("name").map_or("", |name| name.as_str());
                is_bare_secret(name, found.as_str(), line.as_bytes().get(found.end()).copied())
            };
            if is_secret(rule, found.as_str()) && (rule.id != UNQUOTED || is_alone()) {
                let range = if rule.id == PRIVATE_KEY { pem_block(text, range) } else { range };
                hits.push((number, range));
            }
        }
    }

    fn without_overlaps(&self, text: &str, hits: Vec<(usize, Range<usize>)>) -> Vec<Finding> {
        let mut kept: Vec<(usize, Range<usize>)> = Vec::new();
        for (rule, range) in hits {
            match kept.last_mut() {
                Some(last) if range.start < last.1.end => {
                    if rule < last.0 && range.end >= last.1.end {
                        *last = (rule, range);
                    }
                }
                _ => kept.push((rule, range)),
            }
        }
        let (mut line, mut counted) = (1, 0);
        let mut finding = |(rule, range): (usize, Range<usize>)| {
            line += memchr::memchr_iter(b'\n', &text.as_bytes()[counted..range.start]).count();
            counted = range.start;
            Finding { rule: self.rules[rule].id, line, range }
        };
        kept.into_iter().map(&mut finding).collect()
    }
}

fn is_secret(rule: &Rule, value: &str) -> bool {
    if rule.id == PRIVATE_KEY {
        return true;
    }
    let lower = value.to_ascii_lowercase();
    if entropy(value) < rule.entropy || PLACEHOLDERS.iter().any(|word| lower.contains(word)) {
        return false;
    }
    rule.id != GENERIC || looks_random(value)
}

/// Whether a value under a telling name is more than words, a path, a version, a digest or an identifier.
fn looks_random(value: &str) -> bool {
    let has = |class: fn(&u8) -> bool| value.as_bytes().iter().any(class);
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let hex = value.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    let word = |part: &str| part.len() >= 4 && part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let words = value.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| word(part)).count();
    // a digest or a UUID is public far more often than not; 32 hex digits and more under `secret` are left to review
    !hex && digits >= 2 && (mixed || digits >= 5) && words < 2 && !value.contains("/.")
}

/// Shannon's entropy in bits a character.
fn entropy(value: &str) -> f32 {
    let mut counts = [0_u32; 256];
    for byte in value.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let total = value.len() as f32;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| *count as f32 / total)
        .map(|share| -share * share.log2())
        .sum()
}

/// The line of a keyword, at most [`WINDOW`] bytes to either side, on character boundaries.
fn window_around(text: &str, keyword: Range<usize>) -> Range<usize> {
    let from = floor_boundary(text, keyword.start.saturating_sub(WINDOW));
    let to = floor_boundary(text, (keyword.end + WINDOW).min(text.len()));
    let bytes = text.as_bytes();
    let start = memchr::memrchr(b'\n', &bytes[from..keyword.start]).map_or(from, |at| from + at + 1);
    let end = memchr::memchr(b'\n', &bytes[keyword.end..to]).map_or(to, |at| keyword.end + at);
    start..end
}

fn floor_boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// From the header to the end of the block, and from the end of one whose header was cut off back to its start. Where
/// the other end is missing the body is as far as it looks like one: cut output still holds a key.
fn pem_block(text: &str, found: Range<usize>) -> Range<usize> {
    if text[found.clone()].starts_with("-----END ") {
        let from = floor_boundary(text, found.start.saturating_sub(LARGEST_KEY));
        let before = &text[from..found.start];
        return match before.rfind("-----BEGIN ") {
            Some(_) => found, // the header's own finding holds it
            None => found.start - body(before.split_inclusive('\n').rev())..found.end,
        };
    }
    let to = floor_boundary(text, (found.end + LARGEST_KEY).min(text.len()));
    let rest = &text[found.end..to];
    match rest.find("-----END ") {
        Some(at) => {
            let closing = &rest[at + 9..];
            let end = closing.find("-----").map_or(closing.len(), |end| end + 5);
            found.start..found.end + at + 9 + end
        }
        None => {
            let first = rest.find('\n').map_or(rest.len(), |end| end + 1);
            let on_the_line = if is_of_a_key(&rest[..first]) { first } else { 0 };
            let lines = if on_the_line == first { body(rest[first..].split_inclusive('\n')) } else { 0 };
            found.start..found.end + on_the_line + lines
        }
    }
}

/// Bytes of the lines that look like a key's, up to the first that does not.
fn body<'a>(lines: impl Iterator<Item = &'a str>) -> usize {
    lines.take_while(|line| is_of_a_key(line)).map(str::len).sum()
}

/// Whether a line may stand in a PEM block: base64 or a header of it, perhaps quoted, in a diff or in a log.
fn is_of_a_key(line: &str) -> bool {
    let line = line.trim_matches(|c: char| c.is_whitespace() || "+->|\"',;\\".contains(c)).trim_end_matches("\\n");
    let is_header = ["Proc-Type:", "DEK-Info:", "Version:", "Comment:"].iter().any(|name| line.starts_with(name));
    is_header || line.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
}

/// Whether a value without quotes, which `next` follows, is a secret of that name: it ends where a word ends, and no
/// word, number, version, path or reference looks like it.
fn is_bare_secret(name: &str, value: &str, next: Option<u8>) -> bool {
    let name = name.to_ascii_lowercase();
    let is_whole = next.is_none_or(|next| next.is_ascii_whitespace() || b",;\"'`}".contains(&next));
    let stands_for_another = |first: u8| b"/.~$%*&!@#=^-".contains(&first);
    if !is_whole || value.bytes().next().is_none_or(stands_for_another) || TELLS_OF.iter().any(|it| name.ends_with(it))
    {
        return false;
    }
    let bytes = value.as_bytes();
    let count = |class: fn(&u8) -> bool| bytes.iter().filter(|byte| class(byte)).count();
    let (digits, letters) = (count(u8::is_ascii_digit), count(u8::is_ascii_alphabetic));
    if bytes.iter().all(u8::is_ascii_hexdigit) && bytes.len() >= 32 {
        return digits > 0 && letters > 0;
    }
    let is_mixed = count(u8::is_ascii_lowercase) > 0 && count(u8::is_ascii_uppercase) > 0;
    let changes = bytes
        .windows(2)
        .filter(|two| two.iter().all(u8::is_ascii_alphanumeric) && two[0].is_ascii_digit() != two[1].is_ascii_digit());
    let changes = changes.count();
    // names of types and functions have long words in them, and few digits
    let longest_word = value.split(|c: char| !c.is_ascii_lowercase()).map(str::len).max().unwrap_or(0);
    if longest_word >= 6 && digits < 4 {
        return false;
    }
    // a `=` at the end fills a value of base64 up
    match value.trim_end_matches('=').bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        true => digits >= 2 && changes >= 3 && (is_mixed || digits >= 5),
        // a UUID is public far more often than not
        false if bytes.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-') => false,
        false => digits >= 2 && changes >= 4 && (is_mixed || (digits >= 6 && changes >= 6)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `length` characters of `alphabet` that repeat nothing: secrets are assembled, never written down here.
    fn random(alphabet: &str, length: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            letters[(state >> 33) as usize % letters.len()]
        };
        (0..length).map(|_| next()).collect()
    }

    fn alnum(length: usize) -> String {
        random("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", length)
    }

    fn hex(length: usize) -> String {
        random("0123456789abcdef", length)
    }

    #[track_caller]
    fn check(text: &str, rules: &[&str]) {
        let found: Vec<&str> = SecretScanner::new().scan(text).iter().map(|finding| finding.rule).collect();
        assert_eq!(found, rules, "in {text}");
    }

    #[track_caller]
    fn check_planted(rule: &str, secret: &str) {
        let text = format!("let a = 1;\nlet key = \"{secret}\";\nlet b = 2;\n");
        let found = SecretScanner::new().scan(&text);
        assert_eq!(found.len(), 1, "{rule}: {found:?} in {text}");
        assert_eq!((found[0].rule, found[0].line), (rule, 2), "in {text}");
        assert!(secret.contains(&text[found[0].range.clone()]), "{rule}");
    }

    #[test]
    fn every_expression_compiles_and_every_rule_has_an_id_of_its_own() {
        let mut ids: Vec<&str> = RULES.iter().chain(HIDDEN).map(|rule| rule.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), RULES.len() + HIDDEN.len());
        assert!(RULES.len() >= 40, "{} rules", RULES.len());
        for rule in RULES.iter().chain(HIDDEN) {
            assert!(Regex::new(rule.pattern).is_ok(), "{}", rule.id);
            assert!(rule.keywords.iter().all(|word| !word.is_empty() && *word == word.to_lowercase()), "{}", rule.id);
        }
    }

    #[test]
    fn planted_keys_are_found() {
        check_planted("github-token", &format!("{}{}", "ghp_", alnum(36)));
        check_planted("github-token", &format!("{}{}", "gho_", alnum(36)));
        check_planted("github-fine-grained-token", &format!("{}{}_{}", "github_pat_", alnum(22), alnum(59)));
        check_planted("gitlab-token", &format!("{}{}", "glpat-", alnum(20)));
        check_planted("anthropic-key", &format!("{}{}AA", "sk-ant-api03-", alnum(93)));
        check_planted("openai-project-key", &format!("{}{}", "sk-proj-", alnum(120)));
        check_planted("openai-key", &format!("sk-{}{}{}", alnum(20), "T3BlbkFJ", alnum(20)));
        check_planted("openrouter-key", &format!("{}{}", "sk-or-v1-", hex(64)));
        check_planted("groq-key", &format!("{}{}", "gsk_", alnum(52)));
        check_planted("huggingface-token", &format!("{}{}", "hf_", random("abcdefghijklmnopqrstuvwxyzABCDEFGH", 34)));
        check_planted("aws-access-key", &format!("{}{}", "AKIA", random("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)));
        check_planted("google-api-key", &format!("{}{}", "AIza", alnum(35)));
        check_planted("google-oauth-secret", &format!("{}{}", "GOCSPX-", alnum(28)));
        check_planted("slack-token", &format!("{}{}", "xoxb-123456-", alnum(24)));
        check_planted("stripe-key", &format!("{}{}", "sk_live_", alnum(24)));
        check_planted("shopify-token", &format!("{}{}", "shpat_", hex(32)));
        check_planted("npm-token", &format!("{}{}", "npm_", alnum(36)));
        check_planted("pypi-token", &format!("{}{}", "pypi-AgE", alnum(150)));
        check_planted("rubygems-key", &format!("{}{}", "rubygems_", hex(48)));
        check_planted("docker-token", &format!("{}{}", "dckr_pat_", alnum(27)));
        check_planted("digitalocean-token", &format!("{}{}", "dop_v1_", hex(64)));
        check_planted("databricks-token", &format!("{}{}", "dapi", hex(32)));
        check_planted("sendgrid-key", &format!("{}{}.{}", "SG.", alnum(22), alnum(43)));
        check_planted("linear-key", &format!("{}{}", "lin_api_", alnum(40)));
        check_planted(
            "age-secret-key",
            &format!("{}1{}", "AGE-SECRET-KEY-", random("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)),
        );
        check_planted("json-web-token", &format!("{}{}.{}{}.{}", "eyJ", alnum(20), "eyJ", alnum(40), alnum(43)));
        check_planted("password-in-url", &format!("postgres://app:{}@db.internal/x", alnum(14)));
    }

    #[test]
    fn keys_that_need_a_name_are_found_beside_it() {
        check(&format!("aws_secret_access_key = {}", alnum(40)), &["aws-secret-key"]);
        check(&format!("Authorization: Bearer {}", alnum(40)), &["authorization-header"]);
        check(&format!("DB_PASSWORD='{}'", alnum(20)), &["generic-assignment"]);
        check(&format!("\"clientSecret\": \"{}\"", alnum(32)), &["generic-assignment"]);
        check(&format!("//registry.npmjs.org/:_authToken={}", alnum(36)), &["npmrc-auth"]);
        check(&format!("AccountName=x;AccountKey={}==;", alnum(86)), &["azure-storage-key"]);
    }

    /// What is left of `text` where it is only hidden.
    #[track_caller]
    fn check_hidden(text: &str, left: &str) {
        let mut rest = text.to_owned();
        let found = SecretScanner::for_hiding().scan(text);
        found.iter().rev().for_each(|finding| rest.replace_range(finding.range.clone(), "*"));
        assert_eq!(rest, left, "{found:?}");
        assert_eq!(SecretScanner::new().scan(text), [], "nobody is judged by it: {text}");
    }

    #[test]
    fn values_without_quotes_are_hidden_and_judge_nobody() {
        check_hidden("JWT_SECRET=Zk3vQ9s81LmXw2Tt7", "JWT_SECRET=*");
        check_hidden("spring.datasource.password=Tr0ub4dor3xyz99aa\n", "spring.datasource.password=*\n");
        check_hidden("export API_TOKEN=q8Zr5Tk2Wv9X # of the gate", "export API_TOKEN=* # of the gate");
        check_hidden("  password: S3cr3t!Pa5s-W0rd9\n  user: app", "  password: *\n  user: app");
        check_hidden("[db]\nadmin_pwd = x7Kq92Lm4Zt8\r\n", "[db]\nadmin_pwd = *\r\n");
        check_hidden("+ENV APP_SECRET_KEY=c2VjcmV0LXZhbHVlLTEyMw==", "+ENV APP_SECRET_KEY=*");
        check_hidden(&format!("secret_key_base: {}", hex(64)), "secret_key_base: *");
        check_hidden("run -e A_TOKEN=q8Zr5Tk2Wv9X -e B_TOKEN=q8Zr5Tk2Wv9Y x", "run -e A_TOKEN=* -e B_TOKEN=* x");
        check_hidden("DB_PASS=Xk29vQ1mZ8", "DB_PASS=*");
        check_hidden("API_TOKEN=canary-7f3a9c2e51d84b60", "API_TOKEN=*");
        check_hidden("{ token: q8Zr5Tk2Wv9X, user: app }", "{ token: *, user: app }");
    }

    #[test]
    fn what_is_no_secret_stays_as_it_is() {
        for line in [
            "JWT_SECRET=changeme",
            "JWT_SECRET=your-256-bit-secret-Ab12",
            "API_KEY=${API_KEY}",
            "API_KEY=$API_KEY_V2x9Z1",
            "API_KEY=%API_KEY_V2x9Z1%",
            "password: {{ vault_Db1_Pass2_Word3 }}",
            "password: !vault |",
            "password: *defaultPass1x2Y3z",
            "TOKEN_LIMIT=1048576000",
            "token_expires: 2026-11-30T14:31:55Z",
            "max_tokens: 1234567890",
            "USE_TOKEN=true",
            "SECRET_FILE=/run/secrets/Db1x2Y3z4",
            "tls_private_key: certs/2024-v1/tlsKey1.pem",
            "PASSWORD_RESET_URL=https://app.test/v1/reset2/P3x",
            "token_type: Oauth2Bearer1x2Y3z",
            "secretKeyRef: app-db-credentials-v2",
            "image_pull_secret: regcred-2024-01-15",
            "password = os.environ['DB_PASSWORD_V2x9']",
            "let token = self.next2Token3A4b();",
            "token: OAuth2TokenProvider,",
            "api_key = settings.ApiKeyV2Provider",
            "token = Config.v2.tokenAB12",
            "pub token: Option<String>,",
            "secret_arn: arn:aws:secretsmanager:us-east-1:123456789012:secret:db-Ab12Cd",
            "secret_id: 0190163d-8694-739b-aea5-966c26f8ad91",
            "secret: 0190163d-8694-739b-aea5-966c26f8ad91",
            "password_hash: 3f786850e387550fdab836ed7e6dc881de23001b",
            "keyword: Zk3vQ9s81LmXw2Tt7",
            "version: q8Zr5Tk2Wv9X",
            "passwords match: 3f, 4a",
            "passed: 3f4Ab5C6d7E8",
        ] {
            check_hidden(line, line);
        }
    }

    #[test]
    fn a_private_key_is_found_whole() {
        let (begin, end) =
            (format!("-----BEGIN RSA {} KEY-----", "PRIVATE"), format!("-----END RSA {} KEY-----", "PRIVATE"));
        let text = format!("x\n{begin}\n{}\n{}\n{end}\ny", alnum(64), alnum(64));
        let found = SecretScanner::new().scan(&text);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].rule, found[0].line), ("private-key", 2));
        assert!(text[found[0].range.clone()].ends_with(&end));
        check(&format!("{begin}\n{}", alnum(64)), &["private-key"]);
    }

    #[test]
    fn ordinary_code_is_left_alone() {
        check("let commit = \"3f786850e387550fdab836ed7e6dc881de23001b\";", &[]);
        check("checksum = \"6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b\"", &[]);
        check(
            "\"integrity\": \"sha512-v2kDEe57lecTulaDIuNTPy3Ry4gLGJ6Z1O3vE1krgXZNrsQ+LFTGHVxVjcXPs17LhbZVGedAJv8XZ1tvj5FvSg==\"",
            &[],
        );
        check("id: 0190163d-8694-739b-aea5-966c26f8ad91", &[]);
        check("token_uuid = \"0190163d-8694-739b-aea5-966c26f8ad91\"", &[]);
        check("password = os.environ['DATABASE_PASSWORD']", &[]);
        check("const tokenType = \"AuthorizationRequestHeader\";", &[]);
        check("secret: \"{{ vault.lookup('x') }}\"", &[]);
        check("api_key = \"your-api-key-goes-here-1234\"", &[]);
        check("let token = parser.next_token().expect(\"a token\");", &[]);
        check("password_file = \"/run/secrets/db_password_2024\"", &[]);
        check("postgres://user:${DB_PASSWORD}@db/x and postgres://user:password@localhost", &[]);
        check("https://example.com:8080/path@v2", &[]);
        check("AKIAIOSFODNN7EXAMPLE is in every manual", &[]);
        check("fn npm_install_dependencies_of_the_package_now() {}", &[]);
        check("const SK_LIVE_PREFIX: &str = \"sk_live_\";", &[]);
    }

    #[test]
    fn no_mark_in_a_text_lifts_anything() {
        let secret = format!("{}{}", "ghp_", alnum(36));
        check(&format!("a = '{secret}' # paraph:allow\n"), &["github-token"]);
        check(&format!("a = '{secret}' # gitleaks:allow\nb = 1"), &["github-token"]);
    }

    /// What is left of `text` beside secrets.
    #[track_caller]
    fn check_left(text: &str, left: &str) {
        let found = SecretScanner::new().scan(text);
        let mut rest = text.to_owned();
        found.iter().rev().for_each(|finding| rest.replace_range(finding.range.clone(), "*"));
        assert_eq!(rest, left, "{found:?} in {text}");
    }

    #[test]
    fn half_a_private_key_is_found_with_its_body() {
        let (begin, end) =
            (format!("-----BEGIN RSA {} KEY-----", "PRIVATE"), format!("-----END RSA {} KEY-----", "PRIVATE"));
        let body = format!("{}\n{}\n", alnum(64), alnum(64));
        check_left(&format!("x\n{begin}\n{body}{}", alnum(20)), "x\n*");
        check_left(&format!("x\n{begin}\nProc-Type: 4,ENCRYPTED\n\n{body}let a = 1;\n"), "x\n*let a = 1;\n");
        check_left(&format!("+{begin}\n+{}\n+{}", alnum(64), alnum(64)), "+*");
        check_left(&format!("{}\n{body}{end}\ny", alnum(30)), "*\ny");
        check_left(&format!("let a = 1;\n{body}{end}\ny"), "let a = 1;\n*\ny");
        check_left(&format!("a = \"{begin}\" in text;\nmore\n"), "a = \"*\" in text;\nmore\n");
        check_left(&format!("{begin}\n{body}{end}\n{begin}\n{body}"), "*\n*");
    }

    #[test]
    fn very_long_lines_are_looked_at_in_pieces() {
        let secret = format!("{}{}", "ghp_", alnum(36));
        let line = format!("{}'{secret}'{}", "é;".repeat(400_000), "ü;".repeat(400_000));
        check(&line, &["github-token"]);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn any_text_can_be_scanned(text in "(\\PC|\n|key = |secret|ghp_|://|'){0,80}") {
            for finding in SecretScanner::for_hiding().scan(&text) {
                assert!(text.get(finding.range).is_some());
            }
        }
    }
}
