//! An answer on its way, read within its limits.

use std::pin::Pin;
use std::time::Duration;

use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use tokio::time::{Sleep, timeout};

use super::error::innermost;
use super::{HttpError, HttpLimits};
use crate::cancel::Cancel;

/// An answer whose headers are there. Dropping it closes the connection if not all of it was read.
#[derive(Debug)]
pub struct Incoming {
    /// The status.
    pub status: u16,
    headers: HeaderMap,
    body: reqwest::Response,
    until: Pin<Box<Sleep>>,
    limits: HttpLimits,
    cancel: Cancel,
    seen: usize,
}

impl Incoming {
    pub(super) fn new(mut body: reqwest::Response, until: Pin<Box<Sleep>>, limits: HttpLimits, cancel: Cancel) -> Self {
        let headers = std::mem::take(body.headers_mut());
        Self { status: body.status().as_u16(), headers, body, until, limits, cancel, seen: 0 }
    }

    /// A header, where it is there and text: untrusted.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The media type without its parameters, in small letters; empty where none is given.
    #[must_use]
    pub fn media_type(&self) -> String {
        let given = self.header("content-type").unwrap_or_default();
        given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Bytes read until now.
    #[must_use]
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// From now on waits for the next byte no longer than `idle`.
    pub fn hurry(&mut self, idle: Duration) {
        self.limits.idle = self.limits.idle.min(idle);
    }

    /// The next piece; nothing at an orderly end.
    ///
    /// # Errors
    /// [`HttpError`]; what came before it is not a whole answer.
    pub async fn piece(&mut self) -> Result<Option<impl AsRef<[u8]> + Send + use<>>, HttpError> {
        if let Some(packed) = self.packed() {
            return Err(packed);
        }
        let next = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Err(HttpError::Cancelled),
            () = self.until.as_mut() => return Err(HttpError::TimedOut { limit: self.limits.total }),
            next = timeout(self.limits.idle, self.body.chunk()) => next,
        };
        let piece = match next {
            Err(_) => return Err(HttpError::TimedOut { limit: self.limits.idle }),
            Ok(Err(error)) => return Err(HttpError::Broken { why: innermost(&error) }),
            Ok(Ok(piece)) => piece,
        };
        self.seen += piece.as_ref().map_or(0, |piece| piece.len());
        if self.seen > self.limits.bytes {
            return Err(HttpError::TooLarge { most: self.limits.bytes });
        }
        Ok(piece)
    }

    /// All of it.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn whole(&mut self) -> Result<Vec<u8>, HttpError> {
        let mut all = Vec::new();
        while let Some(piece) = self.piece().await? {
            all.extend_from_slice(piece.as_ref());
        }
        Ok(all)
    }

    /// What of its first `most` bytes comes within `wait`: what an error says need not be whole.
    pub async fn beginning(&mut self, most: usize, wait: Duration) -> Vec<u8> {
        let mut all = Vec::new();
        let reading = async {
            while all.len() < most {
                let Ok(Some(piece)) = self.piece().await else { break };
                all.extend_from_slice(piece.as_ref());
            }
        };
        let _whatever_came = timeout(wait, reading).await;
        all.truncate(most);
        all
    }

    /// An answer that was packed though nobody asked for it is not unpacked: a small one could grow without bound.
    fn packed(&self) -> Option<HttpError> {
        let encoding = self.header(CONTENT_ENCODING.as_str())?;
        let plain = encoding.is_empty() || encoding.eq_ignore_ascii_case("identity");
        (!plain).then(|| HttpError::Packed { encoding: encoding.chars().take(20).collect() })
    }
}
