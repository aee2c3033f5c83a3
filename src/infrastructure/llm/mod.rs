//! Models that answer: one port, one file a wire format, and what keeps a call on a short lead.
//!
//! What comes back is data: a [`ChatReply`] is whole or it is an error, never half. Nothing here knows what a session
//! is; who pays, who may ask and what becomes of a reply is decided by the caller.
//!
//! ```text
//!  routing ─▶ rate ─▶ retry ─▶ provider ─▶ format (openai responses anthropic …) ─▶ http
//!                                  ▲  └─▶ sse ─▶ json ─▶ format ─▶ gathered ─▶ ChatReply | ChatError
//!                                keys
//! ```

mod anthropic;
mod chat;
mod counting;
mod exchange;
mod format;
mod gathered;
mod gemini;
mod json;
mod keys;
mod learned;
mod ollama;
mod openai;
mod prices;
mod provider;
mod rate;
mod responses;
mod retry;
mod retry_after;
mod routing;
mod scripted;
mod settings;
mod sse;
mod switchboard;
mod wrong;

pub use chat::{
    CallBlock, ChatError, ChatModel, ChatReply, ChatRequest, Finish, FoundFault, JsonShape, Message, ModelName, Part,
    PromptSize, Speaker, Streamed, ToolSpec, Usage,
};
pub use counting::CountBy;
pub use exchange::{Counter, Exchange, ExchangeParts};
pub use json::token_count;
pub use keys::{KeyError, KeySource, Keyed, Keys};
pub use prices::{LongRow, Price, PriceError, PriceRow, PriceTable, Rates};
pub use provider::Provider;
pub use rate::RateLimit;
pub use retry::{GaveUp, Next, RealSleeper, RetryPolicy, Sleeper};
pub(in crate::infrastructure) use retry_after::asked_pause;
pub use routing::{Route, Routes};
pub use scripted::ScriptedModel;
pub use settings::{OutputLimit, ProviderSettings, ShapeMode, Wire};
pub use switchboard::{Lead, NoRoute, Nobody, Share, Switchboard};
