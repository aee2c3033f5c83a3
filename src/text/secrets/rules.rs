//! What secrets look like: one row a rule, written from the providers' own descriptions of their keys.

/// One shape of secret. `pattern` is run on the line around a `keywords` hit; its group 1, or all of it, is the
/// secret, which must reach `entropy` bits a character (0: the shape says enough).
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) id: &'static str,
    pub(super) describes: &'static str,
    /// Lower case; a line without any of them is not looked at.
    pub(super) keywords: &'static [&'static str],
    pub(super) pattern: &'static str,
    pub(super) entropy: f32,
    /// Asked before the expression, of the same bytes, at a tenth of its price; true wherever the expression may match.
    pub(super) may_match: fn(&[u8]) -> bool,
}

const fn rule(
    id: &'static str,
    describes: &'static str,
    keywords: &'static [&'static str],
    pattern: &'static str,
    entropy: f32,
) -> Rule {
    Rule { id, describes, keywords, pattern, entropy, may_match: always }
}

impl Rule {
    const fn only_where(self, may_match: fn(&[u8]) -> bool) -> Self {
        Self { may_match, ..self }
    }
}

fn always(_line: &[u8]) -> bool {
    true
}

fn has_at(line: &[u8]) -> bool {
    memchr::memchr(b'@', line).is_some()
}

/// Whether a value of [`GENERIC`] stands between two quotes. Beyond ASCII some letters are others in another case.
fn has_quoted_value(line: &[u8]) -> bool {
    let mut quotes = memchr::memchr3_iter(b'"', b'\'', b'`', line);
    let Some(mut from) = quotes.next() else { return false };
    let is_value = |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"_.+/=~!@#%^&*-".contains(byte);
    quotes.any(|to| {
        let between = &line[from + 1..to];
        from = to;
        between.len() >= 16 && between.iter().all(is_value)
    })
}

/// Whether a value of [`UNQUOTED`] may stand behind a sign that gives one.
fn has_bare_value(line: &[u8]) -> bool {
    memchr::memchr2_iter(b'=', b':', line).any(|at| {
        let value = line[at + 1..].trim_ascii_start();
        let length = value.iter().take_while(|byte| is_of_a_bare_value(**byte)).count();
        length >= SHORTEST_BARE && value[..length].iter().filter(|byte| byte.is_ascii_digit()).count() >= 2
    })
}

/// What a value without quotes is made of: not of what a shell goes on behind.
fn is_of_a_bare_value(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.+/=~!@#%^*-".contains(&byte)
}

/// The least that a value without quotes has. // 10: what is shorter is a word, a number or a version far more often
const SHORTEST_BARE: usize = 10;

/// The header of a PEM private key; its body is found by the scanner.
pub(in crate::text) const PRIVATE_KEY: &str = "private-key";
/// The rule that knows only names and randomness; its findings must also look unlike code.
pub(super) const GENERIC: &str = "generic-assignment";
/// The same for values without quotes; its findings must look like nothing else.
pub(super) const UNQUOTED: &str = "unquoted-assignment";

/// Keywords that name a secret and are no part of it.
pub(super) const NAMES: [&str; 20] = [
    "key",
    "secret",
    "token",
    "passwd",
    "password",
    "pass",
    "pwd",
    "credential",
    "auth",
    "authorization",
    "bearer ",
    "private key",
    "aws",
    "telegram",
    "bot",
    "mailgun",
    "twilio",
    "asia",
    "acca",
    "cio",
];

/// Endings of names that tell of something beside a secret.
pub(super) const TELLS_OF: [&str; 27] = [
    "id",
    "file",
    "path",
    "dir",
    "url",
    "uri",
    "name",
    "type",
    "kind",
    "ttl",
    "len",
    "length",
    "size",
    "count",
    "limit",
    "expiry",
    "expires",
    "version",
    "algorithm",
    "prefix",
    "header",
    "field",
    "hash",
    "digest",
    "checksum",
    "sha256",
    "fingerprint",
];

/// Sorted so that the more telling rule comes first: of two findings in one place the first rule wins.
#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    rule(PRIVATE_KEY, "private key in PEM form", &["private key"],
        r"-----(?:BEGIN|END) (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----", 0.0),
    rule("github-token", "GitHub token", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], r"\b(gh[pousr]_[0-9A-Za-z]{36,251})\b", 3.0),
    rule("github-fine-grained-token", "GitHub fine-grained token", &["github_pat_"], r"\b(github_pat_[0-9A-Za-z]{22}_[0-9A-Za-z]{59})\b", 3.0),
    rule("gitlab-token", "GitLab token", &["glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glsoat-", "glft-"],
        r"\b(gl(?:pat|dt|rt|ptt|cbt|soat|ft)-[0-9A-Za-z_\-]{20,64})\b", 3.0),
    rule("anthropic-key", "Anthropic key", &["sk-ant-"], r"\b(sk-ant-(?:api|admin|oat)[0-9]{2}-[0-9A-Za-z_\-]{80,120})", 3.0),
    rule("openrouter-key", "OpenRouter key", &["sk-or-"], r"\b(sk-or-v1-[0-9a-f]{64})\b", 3.0),
    rule("openai-project-key", "OpenAI key", &["sk-proj-", "sk-svcacct-", "sk-admin-"], r"\b(sk-(?:proj|svcacct|admin)-[0-9A-Za-z_\-]{40,200})", 3.5),
    rule("openai-key", "OpenAI key", &["t3blbkfj"], r"\b(sk-[0-9A-Za-z]{20}T3BlbkFJ[0-9A-Za-z]{20})\b", 3.0),
    rule("groq-key", "Groq key", &["gsk_"], r"\b(gsk_[0-9A-Za-z]{52})\b", 3.5),
    rule("huggingface-token", "Hugging Face token", &["hf_"], r"\b(hf_[A-Za-z]{34})\b", 3.5),
    rule("replicate-token", "Replicate token", &["r8_"], r"\b(r8_[0-9A-Za-z]{37})\b", 3.5),
    rule("perplexity-key", "Perplexity key", &["pplx-"], r"\b(pplx-[0-9A-Za-z]{48})\b", 3.5),
    rule("aws-access-key", "AWS access key id", &["akia", "asia", "abia", "acca"], r"\b((?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})\b", 3.0),
    rule("aws-secret-key", "AWS secret key", &["aws"],
        r#"(?i)aws_?(?:secret)?_?(?:access)?_?key["']?\s{0,8}(?:=|:|=>|:=)\s{0,8}["']?([0-9A-Za-z/+]{40})(?:["'\s,;]|$)"#, 4.0),
    rule("google-api-key", "Google API key", &["aiza"], r"\b(AIza[0-9A-Za-z_\-]{35})(?:[^0-9A-Za-z_\-]|$)", 3.0),
    rule("google-oauth-secret", "Google OAuth client secret", &["gocspx-"], r"\b(GOCSPX-[0-9A-Za-z_\-]{28})", 3.0),
    rule("google-oauth-token", "Google OAuth access token", &["ya29."], r"\b(ya29\.[0-9A-Za-z_\-]{30,200})", 3.5),
    rule("azure-storage-key", "Azure storage account key", &["accountkey="], r"(?i)AccountKey=([0-9A-Za-z+/]{86}==)", 4.0),
    rule("azure-client-secret", "Azure client secret", &["8q~", "7q~"], r#"(?:^|[\s"'=:])([0-9A-Za-z_~.\-]{3}[78]Q~[0-9A-Za-z_~.\-]{31,34})(?:["'\s,;]|$)"#, 3.5),
    rule("slack-token", "Slack token", &["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xapp-", "xoxe"],
        r"\b((?:xox[abprs]|xoxe(?:\.xox[bp])?|xapp)-[0-9A-Za-z\-]{20,200})", 3.0),
    rule("slack-webhook", "Slack webhook", &["hooks.slack.com"], r"(hooks\.slack\.com/(?:services|workflows|triggers)/[0-9A-Za-z+/]{40,90})", 3.0),
    rule("discord-webhook", "Discord webhook", &["/api/webhooks/"], r"(discord(?:app)?\.com/api/webhooks/[0-9]{17,20}/[0-9A-Za-z_\-]{60,70})", 3.0),
    rule("telegram-bot-token", "Telegram bot token", &["telegram", "bot"], r"\b([0-9]{8,10}:AA[0-9A-Za-z_\-]{33})(?:[^0-9A-Za-z_\-]|$)", 3.5),
    rule("stripe-key", "Stripe key", &["sk_live_", "rk_live_", "sk_test_", "rk_test_", "whsec_"],
        r"\b((?:[sr]k_(?:live|test)_[0-9A-Za-z]{24,120})|whsec_[0-9A-Za-z+/]{32,64})", 3.0),
    rule("square-token", "Square token", &["sq0atp-", "sq0csp-", "eaaa"], r"\b(sq0(?:atp|csp)-[0-9A-Za-z_\-]{22,43}|EAAA[0-9A-Za-z_\-]{60})(?:[^0-9A-Za-z_\-]|$)", 3.5),
    rule("shopify-token", "Shopify token", &["shpat_", "shpca_", "shppa_", "shpss_"], r"\b(shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32})\b", 3.0),
    rule("npm-token", "npm token", &["npm_"], r"\b(npm_[0-9A-Za-z]{36})\b", 3.0),
    rule("npmrc-auth", "npm registry password", &["_authtoken", "_password"], r#"(?i):_(?:authToken|password)\s{0,4}=\s{0,4}["']?([0-9A-Za-z_+/=\-]{20,200})"#, 3.5),
    rule("pypi-token", "PyPI token", &["pypi-"], r"\b(pypi-AgE[0-9A-Za-z_\-]{50,250})", 3.0),
    rule("rubygems-key", "RubyGems key", &["rubygems_"], r"\b(rubygems_[0-9a-f]{48})\b", 3.0),
    rule("crates-io-token", "crates.io token", &["cio"], r"\b(cio[0-9A-Za-z]{32})\b", 4.0),
    rule("docker-token", "Docker Hub token", &["dckr_pat_", "dckr_oat_"], r"\b(dckr_[po]at_[0-9A-Za-z_\-]{27,36})", 3.0),
    rule("digitalocean-token", "DigitalOcean token", &["dop_v1_", "doo_v1_", "dor_v1_"], r"\b(do[opr]_v1_[0-9a-f]{64})\b", 3.0),
    rule("vault-token", "Vault token", &["hvs.", "hvb."], r"\b(hv[sb]\.[0-9A-Za-z_\-]{24,300})", 3.5),
    rule("terraform-cloud-token", "Terraform Cloud token", &[".atlasv1."], r"\b([0-9A-Za-z]{14}\.atlasv1\.[0-9A-Za-z_\-]{60,70})", 3.5),
    rule("databricks-token", "Databricks token", &["dapi"], r"\b(dapi[0-9a-f]{32}(?:-[0-9])?)\b", 3.0),
    rule("grafana-token", "Grafana token", &["glsa_", "glc_"], r"\b(glsa_[0-9A-Za-z]{32}_[0-9a-fA-F]{8}|glc_[0-9A-Za-z+/]{60,400}={0,2})", 3.5),
    rule("new-relic-key", "New Relic key", &["nrak-", "nraa-", "nrii-"], r"\b(NR(?:AK|AA|II)-[0-9A-Za-z\-]{27,32})\b", 3.0),
    rule("sentry-token", "Sentry token", &["sntrys_", "sntryu_"], r"\b(sntrys_[0-9A-Za-z+/=_]{60,300}|sntryu_[0-9a-f]{64})", 3.5),
    rule("sendgrid-key", "SendGrid key", &["sg."], r"\b(SG\.[0-9A-Za-z_\-]{22}\.[0-9A-Za-z_\-]{43})", 3.5),
    rule("mailgun-key", "Mailgun key", &["mailgun", "key-"], r"\b(key-[0-9a-f]{32})\b", 3.0),
    rule("mailchimp-key", "Mailchimp key", &["-us"], r"\b([0-9a-f]{32}-us[0-9]{1,2})\b", 3.0),
    rule("twilio-key", "Twilio key", &["twilio"], r"\b(SK[0-9a-f]{32})\b", 3.0),
    rule("linear-key", "Linear key", &["lin_api_"], r"\b(lin_api_[0-9A-Za-z]{40})\b", 3.0),
    rule("notion-token", "Notion token", &["ntn_"], r"\b(ntn_[0-9]{11}[0-9A-Za-z]{35})\b", 3.5),
    rule("atlassian-token", "Atlassian token", &["atatt3"], r"\b(ATATT3[0-9A-Za-z_\-=]{150,250})", 3.5),
    rule("figma-token", "Figma token", &["figd_"], r"\b(figd_[0-9A-Za-z_\-]{40})", 3.5),
    rule("age-secret-key", "age secret key", &["age-secret-key-"], r"\b(AGE-SECRET-KEY-1[0-9A-Z]{58})\b", 3.0),
    rule("json-web-token", "JSON web token", &["eyj"], r"\b(eyJ[0-9A-Za-z_\-]{14,}\.eyJ[0-9A-Za-z_\-]{14,}\.[0-9A-Za-z_\-]{20,})", 3.5),
    rule("password-in-url", "password in an address", &["://"],
        r#"\b[a-zA-Z][a-zA-Z0-9+.\-]{1,20}://[^\s/:@"'<>{}$]{1,64}:([^\s/@"'<>{}$%*]{6,128})@[0-9A-Za-z\[]"#, 2.5).only_where(has_at),
    rule("authorization-header", "authorization header", &["authorization", "bearer "],
        r#"(?i)(?:authorization["']?\s{0,4}[:=]\s{0,4}["']?(?:basic|bearer|token)|["'\s]bearer)\s{1,4}([0-9A-Za-z_.+/=\-]{24,1000})"#, 3.8),
    rule(GENERIC, "random value under a telling name",
        &["key", "secret", "token", "passwd", "password", "credential", "auth"],
        r#"(?i)[a-z0-9_.\-]{0,40}(?:api_?-?key|secret|token|passwd|password|credential|access_?-?key|private_?-?key|auth_?-?key|signing_?-?key|encryption_?-?key)[a-z0-9_.\-]{0,20}["'`]?\s{0,8}(?:=|:|=>|:=|<-)\s{0,8}["'`]([0-9A-Za-z_.+/=~!@#%^&*\-]{16,150})["'`]"#, 3.7).only_where(has_quoted_value),
];

/// What is hidden and not judged: dotenv files, properties, YAML and the output of CI have values without quotes, and so
/// has code. To hide too much costs a reader a word; to block a change for it would cost more.
#[rustfmt::skip]
pub(super) const HIDDEN: &[Rule] = &[
    rule(UNQUOTED, "random value without quotes under a telling name",
        &["key", "secret", "token", "pass", "pwd", "credential"],
        r#"(?i)(?P<name>[a-z0-9_.\-]{0,60}(?:api_?-?key|secret|token|passwd|password|passphrase|[_.\-]pass|pwd|credential|access_?-?key|private_?-?key|auth_?-?key|signing_?-?key|encryption_?-?key)[a-z0-9_.\-]{0,20})["']?\s{0,8}:?[=:]\s{0,8}(?P<value>[0-9A-Za-z_.+/=~!@#%^*\-]{10,250})"#, 3.0).only_where(has_bare_value),
];
