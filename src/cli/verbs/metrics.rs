//! `paraph metrics`

use std::fmt::Write as _;

use crate::api::{Metrics, MetricsRequest};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done, Ended};
use crate::cli::output::{Role, Text};
use crate::text::Untrusted;

/// Prints figures over all sessions: proposals, checks, decisions, tokens, cost, times
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// As Prometheus text
    #[arg(long)]
    prometheus: bool,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let metrics = desk.ask(MetricsRequest {}).await?;
    if desk.out.json() {
        desk.out.object(&serde_json::to_value(&metrics).expect("plain data serialises"))?;
    } else if args.prometheus {
        desk.out.document(prometheus(&metrics).as_bytes())?;
    } else {
        text(&metrics, desk)?;
    }
    Ok(DONE)
}

fn text(metrics: &Metrics, desk: &mut Desk) -> Result<(), Ended> {
    let share = |part: u64, whole: u64| (part * 100).checked_div(whole).map_or("-".to_owned(), |it| format!("{it}%"));
    let seconds = |millis: u64| format!("{}.{}s", millis / 1000, millis % 1000 / 100);
    let sessions: Vec<String> = metrics.sessions.iter().map(|(state, count)| format!("{state} {count}")).collect();
    let decisions: Vec<String> = metrics.decisions.iter().map(|(word, count)| format!("{word} {count}")).collect();
    let made = share(metrics.proposals_made, metrics.proposals_asked);
    let ran = metrics.validations.saturating_sub(metrics.validations_unverified);
    let passed = share(metrics.validations_passed, ran);
    let unverified = match metrics.validations_unverified {
        0 => String::new(),
        count => format!(", {count} more ran nothing"),
    };
    let rows = [
        ("sessions", sessions.join(", ")),
        ("proposals", format!("{} of {} asked ({made})", metrics.proposals_made, metrics.proposals_asked)),
        ("validations", format!("{} of {ran} passed ({passed}){unverified}", metrics.validations_passed)),
        ("regenerations", metrics.regenerations.to_string()),
        ("decisions", decisions.join(", ")),
        ("published", metrics.published.to_string()),
        (
            "to review",
            format!("{} median, {} p90", seconds(metrics.to_review_ms_median), seconds(metrics.to_review_ms_p90)),
        ),
        ("to decision", format!("{} median", seconds(metrics.to_decision_ms_median))),
        ("tokens", format!("{} in, {} out", metrics.input_tokens, metrics.output_tokens)),
        ("cost", super::budget::price(&metrics.cost_usd)),
        ("journal", format!("{} entries", metrics.journal_entries)),
    ];
    for (name, value) in rows {
        desk.out.line(Text::new().cell(Role::Dim, name, 16).plain(if value.is_empty() {
            "-".to_owned()
        } else {
            value
        }))?;
    }
    Ok(())
}

/// The exposition format: a HELP and a TYPE line for each metric, then its samples.
fn prometheus(metrics: &Metrics) -> String {
    let mut text = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, samples: Vec<(String, String)>| {
        let _ = writeln!(text, "# HELP paraph_{name} {help}\n# TYPE paraph_{name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(text, "paraph_{name}{labels} {value}");
        }
    };
    let one = |value: u64| vec![(String::new(), value.to_string())];
    let seconds = |millis: u64| format!("{}.{:03}", millis / 1000, millis % 1000);
    let by = |label: &str, counts: &std::collections::BTreeMap<String, u64>| {
        counts.iter().map(|(key, count)| (format!("{{{label}=\"{}\"}}", label_value(key)), count.to_string())).collect()
    };
    metric("sessions", "gauge", "Sessions by state.", by("state", &metrics.sessions));
    metric("proposals_asked_total", "counter", "Drafts asked for.", one(metrics.proposals_asked));
    metric("proposals_made_total", "counter", "Drafts that became a version.", one(metrics.proposals_made));
    metric("validations_total", "counter", "Validations completed.", one(metrics.validations));
    metric("validations_passed_total", "counter", "Validations that broke nothing.", one(metrics.validations_passed));
    let unverified = one(metrics.validations_unverified);
    metric("validations_unverified_total", "counter", "Validations that ran nothing.", unverified);
    metric("regenerations_total", "counter", "Versions after the first.", one(metrics.regenerations));
    metric("decisions_total", "counter", "Decisions by verdict.", by("verdict", &metrics.decisions));
    metric("published_total", "counter", "Branches published.", one(metrics.published));
    metric("input_tokens_total", "counter", "Tokens read by models.", one(metrics.input_tokens));
    metric("output_tokens_total", "counter", "Tokens written by models.", one(metrics.output_tokens));
    if metrics.cost_usd.parse::<f64>().is_ok() {
        let cost = vec![(String::new(), metrics.cost_usd.clone())];
        metric("cost_usd_total", "counter", "Dollars spent on models.", cost);
    }
    let quantiles = vec![
        ("{quantile=\"0.5\"}".to_owned(), seconds(metrics.to_review_ms_median)),
        ("{quantile=\"0.9\"}".to_owned(), seconds(metrics.to_review_ms_p90)),
    ];
    metric("to_review_seconds", "gauge", "From created to scored.", quantiles);
    let median = vec![("{quantile=\"0.5\"}".to_owned(), seconds(metrics.to_decision_ms_median))];
    metric("to_decision_seconds", "gauge", "From scored to decided.", median);
    metric("journal_entries_total", "counter", "Entries in the journal.", one(metrics.journal_entries));
    text
}

fn label_value(value: &str) -> String {
    let safe = Untrusted::new(value).display_line().to_string();
    safe.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_reads_every_line() {
        let sessions = [("Scored".to_owned(), 2), ("a\"b\\".to_owned(), 1)].into();
        let metrics = Metrics { sessions, cost_usd: "0.25".into(), to_review_ms_p90: 1250, ..Metrics::default() };
        let text = prometheus(&metrics);
        assert!(text.contains("paraph_sessions{state=\"Scored\"} 2\n"), "{text}");
        assert!(text.contains("paraph_sessions{state=\"a\\\"b\\\\\"} 1\n"), "{text}");
        assert!(text.contains("paraph_to_review_seconds{quantile=\"0.9\"} 1.250\n"), "{text}");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            assert!(name.starts_with("paraph_") && value.parse::<f64>().is_ok(), "{line}");
        }
        let unknown = Metrics { cost_usd: "unknown".into(), ..Metrics::default() };
        assert!(!prometheus(&unknown).contains("cost_usd"), "an unknown price is no number");
    }
}
