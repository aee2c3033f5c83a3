//! JSON asked and answered whole: issue trackers and their like.

use serde_json::Value;

use super::{Ask, HttpClient, HttpError, HttpLimits, Method, Secret};
use crate::cancel::Cancel;

/// A whole answer in JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonAnswer {
    /// The status.
    pub status: u16,
    /// The value; null where there was no body.
    pub body: Value,
    /// The `Link` header, which names the next page.
    pub link: Option<String>,
    /// The `Retry-After` header.
    pub retry_after: Option<String>,
}

impl HttpClient {
    /// Reads `url`.
    ///
    /// # Errors
    /// [`HttpError`]; a status is none, whatever it is.
    pub async fn get_json(
        &self,
        url: &str,
        headers: Vec<(String, Secret)>,
        limits: HttpLimits,
        cancel: &Cancel,
    ) -> Result<JsonAnswer, HttpError> {
        let ask = Ask { method: Method::Get, url: url.to_owned(), headers, body: Vec::new() };
        self.ask_json(ask, limits, cancel).await
    }

    /// Sends `body` to `url`.
    ///
    /// # Errors
    /// As [`HttpClient::get_json`].
    pub async fn post_json(
        &self,
        url: &str,
        mut headers: Vec<(String, Secret)>,
        body: &Value,
        limits: HttpLimits,
        cancel: &Cancel,
    ) -> Result<JsonAnswer, HttpError> {
        headers.push(("content-type".to_owned(), Secret::new("application/json")));
        let ask = Ask { method: Method::Post, url: url.to_owned(), headers, body: body.to_string().into_bytes() };
        self.ask_json(ask, limits, cancel).await
    }

    async fn ask_json(&self, mut ask: Ask, limits: HttpLimits, cancel: &Cancel) -> Result<JsonAnswer, HttpError> {
        if !ask.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept")) {
            ask.headers.push(("accept".to_owned(), Secret::new("application/json")));
        }
        let mut incoming = self.send(&ask, limits, cancel).await?;
        let bytes = incoming.whole().await?;
        let status = incoming.status;
        let body = match bytes.trim_ascii() {
            [] => Value::Null,
            bytes => {
                serde_json::from_slice(bytes).map_err(|error| HttpError::NoJson { status, why: error.to_string() })?
            }
        };
        let header = |name: &str| incoming.header(name).map(str::to_owned);
        Ok(JsonAnswer { status, body, link: header("link"), retry_after: header("retry-after") })
    }
}
