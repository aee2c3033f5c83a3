//! Models that answer: one port, one file a wire format, and what keeps a call on a short lead.
//!
//! What comes back is data: a [`ChatReply`] is whole or it is an error, never half. Nothing here knows what a session
//! is; who pays, who may ask and what becomes of a reply is decided by the caller.

mod chat;
mod switchboard;

pub use chat::{
    CallBlock, ChatError, ChatModel, ChatReply, ChatRequest, Finish, FoundFault, JsonShape, Message, ModelName, Part,
    Speaker, Streamed, ToolSpec, Usage,
};
pub use switchboard::{NoRoute, Nobody, Route, Switchboard};
