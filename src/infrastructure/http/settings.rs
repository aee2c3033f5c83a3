//! What a client is made of: whom it trusts, through whom it goes, how long it waits.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ConfigBuilder, WantsVerifier};

use super::Secret;

/// How a client reaches others. Everything of it is handed in; the environment is not looked at.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Certificates (PEM) that are trusted beside the system's own.
    pub ca_file: Option<PathBuf>,
    /// The proxy's URL; it may hold a password. Loopback is always reached directly.
    pub proxy: Option<Secret>,
    /// Hosts that are reached without the proxy, in the form of `NO_PROXY`.
    pub no_proxy: String,
    /// How long a connection may take to stand, names and TLS included.
    pub connect: Duration,
    /// What this program says it is.
    pub user_agent: String,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            ca_file: None,
            proxy: None,
            no_proxy: String::new(),
            connect: Duration::from_secs(10),
            user_agent: concat!("paraph/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// What one exchange may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// Until the first byte of the answer.
    pub first: Duration,
    /// Between two bytes of it.
    pub idle: Duration,
    /// From the start to the last byte.
    pub total: Duration,
    /// Bytes of the answer.
    pub bytes: usize,
    /// Bytes of one line of it, where it comes in lines.
    pub line: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(120),
            idle: Duration::from_secs(120),
            total: Duration::from_secs(15 * 60),
            bytes: 32 << 20,
            line: 1 << 20,
        }
    }
}

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file of certificates cannot be read or holds none.
    #[error("no certificates in {path:?}: {why}")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What was wrong with it.
        why: String,
    },
    /// The proxy's URL is none. It is not repeated: it may hold a password.
    #[error("the proxy is no http or https URL")]
    Proxy,
}

/// The certificates of `ca_file`.
pub(super) fn certificates(settings: &HttpSettings) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let Some(path) = &settings.ca_file else { return Ok(Vec::new()) };
    let wrong = |why: String| SettingsError::Certificates { path: path.clone(), why };
    let read = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
    let found: Vec<_> = read.collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))?;
    let mut trial = rustls::RootCertStore::empty();
    found.iter().try_for_each(|one| trial.add(one.clone())).map_err(|error| wrong(error.to_string()))?;
    if found.is_empty() { Err(wrong("no PEM certificate in it".to_owned())) } else { Ok(found) }
}

/// TLS that trusts the system's certificates and `more`.
pub(super) fn tls(more: Vec<CertificateDer<'static>>) -> ClientConfig {
    let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::ring::default_provider());
    match rustls_platform_verifier::Verifier::new_with_extra_roots(more, provider.clone()) {
        Ok(verifier) => versions(provider)
            .dangerous() // its word for a verifier of another crate; this one is the system's
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth(),
        Err(error) => {
            tracing::warn!(%error, "this machine trusts no certificate: https will fail");
            no_tls()
        }
    }
}

/// TLS that trusts nobody.
pub(super) fn no_tls() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    versions(provider).with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()
}

fn versions(provider: Arc<CryptoProvider>) -> ConfigBuilder<ClientConfig, WantsVerifier> {
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring knows TLS 1.2 and 1.3")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused_by_its_name() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in [("missing.pem", None), ("empty.pem", Some("")), ("prose.pem", Some("not PEM\n"))] {
            let path = folder.path().join(name);
            if let Some(text) = text {
                std::fs::write(&path, text).expect("it is written");
            }
            let settings = HttpSettings { ca_file: Some(path), ..HttpSettings::default() };
            let error = certificates(&settings).expect_err(name).to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
