//! `paraph context`

use serde_json::{Value, json};

use crate::api::{CallView, ContextRequest, Failure, FailureKind};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done, Ended};
use crate::cli::output::{Role, Text};
use crate::cli::session_text::took;
use crate::id::{Digest, SessionRef};

use super::budget::price;

/// Prints exactly what the engine was given, the hash that names it, and what models were asked and answered
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The session, or a version of it, such as 12 or 12@v3
    #[arg(value_name = "ID[@vN]")]
    session: SessionRef,
    /// Print what was sent to the model and what it answered, whole: of the N-th call, or of every one
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "0")]
    prompt: Option<u32>,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let view = desk.ask(ContextRequest { session: args.session }).await?;
    let Some(number) = args.prompt else {
        if desk.out.json() {
            desk.out.object(&serde_json::to_value(&view).expect("plain data serialises"))?;
            return Ok(DONE);
        }
        for (repo, digest, context) in &view.lanes {
            let head = Text::new().role(Role::Strong, format!("{repo} {}  ", view.version)).role(Role::Mark, digest);
            desk.out.line(head)?;
            desk.out.line(format!("  engine {}  tree {}", context.engine, context.tree))?;
            desk.out.line(Text::new().plain("  goal ").plain(context.goal.display_line()))?;
            for input in &context.inputs {
                desk.out.line(Text::new().plain("  input ").plain(input))?;
            }
            // a file that was given for several reasons is one file
            let mut items = context.items.iter().peekable();
            while let Some(item) = items.next() {
                let mut why = item.why.clone();
                while let Some(same) = items.next_if(|next| (&next.path, &next.id) == (&item.path, &item.id)) {
                    if !why.ends_with(&same.why) {
                        why = format!("{why}; {}", same.why);
                    }
                }
                let line = Text::new().plain(format!("  {}  {}", item.id.short(), item.path));
                desk.out.line(line.role(Role::Dim, format!("  {why}")))?;
            }
        }
        for call in &view.calls {
            desk.out.line(head(call))?;
        }
        if !view.calls.is_empty() {
            desk.out.say(format!("what was sent and answered: paraph context {} --prompt [N]", args.session));
        }
        return Ok(DONE);
    };
    let calls: Vec<&CallView> = view.calls.iter().filter(|call| number == 0 || call.number == number).collect();
    if calls.is_empty() {
        return Err(no_such_call(&view.calls, number, args.session).into());
    }
    if desk.out.json() {
        let mut objects = Vec::with_capacity(calls.len());
        for call in calls {
            let mut object = serde_json::to_value(call).expect("plain data serialises");
            object["sent"] = read(call.prompt, desk)?;
            object["answered"] = call.reply.map_or(Ok(Value::Null), |reply| read(reply, desk))?;
            objects.push(object);
        }
        desk.out.object(&json!({"schema": "paraph.prompts/1", "calls": objects}))?;
        return Ok(DONE);
    }
    desk.page()?;
    for call in calls {
        print(call, desk)?;
    }
    Ok(DONE)
}

fn no_such_call(calls: &[CallView], number: u32, session: SessionRef) -> Failure {
    let message = match number {
        0 => format!("no model was asked for {session}"),
        number => format!("{session} has no call {number} to a model"),
    };
    let failure = Failure::new(FailureKind::NotFound, message);
    match (calls.first(), calls.last()) {
        (Some(first), Some(last)) => failure.hint(format!("its calls are {} to {}", first.number, last.number)),
        _ => failure.hint(format!("paraph show {}", session.session)),
    }
}

/// One call in a line.
fn head(call: &CallView) -> Text {
    let text = Text::new().role(Role::Strong, format!("call {}", call.number)).plain(told(call));
    match call.request_id.raw().is_empty() {
        true => text,
        false => text.role(Role::Dim, "  request ").role(Role::Dim, call.request_id.display_line()),
    }
}

/// Who was asked, what it took, and how it ended.
fn told(call: &CallView) -> String {
    let version = call.version.map_or_else(String::new, |version| format!(" for {version}"));
    let ended = match (call.ended.raw(), call.latency_ms) {
        ("", None) => ", not answered yet".to_owned(),
        (_, time) => format!("{}, {}", timed(call, time.unwrap_or(0)), call.ended.display_line()),
    };
    let (read, written) = (call.input_tokens, call.output_tokens);
    let cached = match call.cached_tokens {
        0 => String::new(),
        cached => format!(" ({cached} of them cached)"),
    };
    let tokens = match (call.estimated, read == 0 && written == 0) {
        (true, true) => "tokens not told".to_owned(),
        (true, false) => format!("about {read} in{cached}, {written} out"),
        (false, _) => format!("{read} in{cached}, {written} out"),
    };
    let spent = format!("{tokens}, {}", price(&call.cost_usd));
    format!("  {} as {}{version}  {spent}{ended}", call.model, call.role)
}

/// How long a call took, after how long a wait and how many tries; nothing where nothing was sent, or nobody saw it.
fn timed(call: &CallView, time: u64) -> String {
    let time = if time == 0 { String::new() } else { format!(", {}", took(time)) };
    // a tenth of a second is what the figure tells apart
    let waited = match call.waited_ms {
        0..100 => String::new(),
        waited => format!(" after {} of waiting", took(waited)),
    };
    let tries = if call.tries > 1 { format!(", {} tries", call.tries) } else { String::new() };
    format!("{time}{waited}{tries}")
}

/// How large the prompt was taken to be before it was sent, and how that was known.
fn sized(call: &CallView) -> Text {
    let text = Text::new().role(Role::Dim, format!("prompt  {} tokens, {}", call.prompt_tokens, call.prompt_count));
    match call.uncounted.raw().is_empty() {
        true => text,
        false => text.role(Role::Dim, ": ").role(Role::Dim, call.uncounted.display_line()),
    }
}

/// A blob of a call, read as the JSON that it is.
fn read(digest: Digest, desk: &Desk) -> Result<Value, Ended> {
    let bytes = desk.world.blobs.read(&digest)?;
    let unreadable = |error: serde_json::Error| Failure::new(FailureKind::Failed, format!("blob {digest}: {error}"));
    Ok(serde_json::from_slice(&bytes).map_err(unreadable)?)
}

fn print(call: &CallView, desk: &mut Desk) -> Result<(), Ended> {
    desk.out.line(head(call))?;
    desk.out.line(Text::new().role(Role::Dim, format!("sent  {}", call.prompt)))?;
    if call.prompt_tokens > 0 {
        desk.out.line(sized(call))?;
    }
    let sent = read(call.prompt, desk)?;
    for text in sent["system"].as_array().into_iter().flatten() {
        part("system", text.as_str().unwrap_or_default(), desk)?;
    }
    for message in sent["messages"].as_array().into_iter().flatten() {
        let speaker = message["speaker"].as_str().unwrap_or("user");
        for said in message["parts"].as_array().into_iter().flatten() {
            let text = |field: &str| said[field].as_str().unwrap_or_default().to_owned();
            match said["type"].as_str() {
                Some("call") => part(&format!("{speaker} asks for {}", text("name")), &text("arguments"), desk)?,
                Some("result") => part(&format!("found by {}", text("name")), &text("text"), desk)?,
                _ => part(speaker, &text("text"), desk)?,
            }
        }
    }
    let Some(reply) = call.reply else { return Ok(()) };
    desk.out.line(Text::new().role(Role::Dim, format!("answered  {reply}")))?;
    let answered = read(reply, desk)?;
    part("answer", answered["text"].as_str().unwrap_or_default(), desk)?;
    for wish in answered["calls"].as_array().into_iter().flatten() {
        let text = |field: &str| wish[field].as_str().unwrap_or_default();
        part(&format!("asks for {}", text("name")), text("arguments"), desk)?;
    }
    Ok(())
}

/// Words of one side, below who says them.
fn part(who: &str, text: &str, desk: &mut Desk) -> Result<(), Ended> {
    if text.is_empty() {
        return Ok(());
    }
    desk.out.line(Text::new().role(Role::Mark, format!("-- {who}")))?;
    let end = if text.ends_with('\n') { "" } else { "\n" };
    desk.out.log(format!("{text}{end}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call as a daemon tells of it that knows no more than an older one did, with `more`.
    #[track_caller]
    fn check(more: Value, expected: &str) {
        let mut call = json!({
            "number": 1, "role": "implementer", "model": "acme/m", "version": 2, "at": "2026-11-20T09:30:00.000Z",
            "prompt": Digest::of(b"prompt"), "reply": null, "input_tokens": 900, "prompt_tokens": 800,
            "prompt_count": "estimated", "uncounted": "", "output_tokens": 100, "cost_usd": "0.01",
            "latency_ms": 1500, "ended": "stop", "redacted": [],
        });
        let more = more.as_object().expect("fields").clone();
        call.as_object_mut().expect("fields").extend(more);
        let call = serde_json::from_value(call).expect("a call");
        assert_eq!(told(&call), format!("  acme/m as implementer for v2  {expected}"));
    }

    #[test]
    fn a_call_is_told_with_what_is_known_of_it() {
        check(json!({}), "900 in, 100 out, $0.01, 1.5s, stop");
        check(
            json!({"cached_tokens": 700, "waited_ms": 12_000, "tries": 3}),
            "900 in (700 of them cached), 100 out, $0.01, 1.5s after 12.0s of waiting, 3 tries, stop",
        );
        check(json!({"waited_ms": 99, "tries": 1}), "900 in, 100 out, $0.01, 1.5s, stop");
        check(json!({"latency_ms": null, "ended": ""}), "900 in, 100 out, $0.01, not answered yet");
        check(
            json!({"latency_ms": 0, "estimated": true, "ended": "cut off when the daemon stopped"}),
            "about 900 in, 100 out, $0.01, cut off when the daemon stopped",
        );
        check(
            json!({"latency_ms": null, "ended": "nobody waits for its end"}),
            "900 in, 100 out, $0.01, nobody waits for its end",
        );
    }
}
