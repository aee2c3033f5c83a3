//! JUnit XML as surefire, Gradle, pytest, jest-junit, CTest, go-junit-report and nextest write it.
//!
//! Entities other than XML's own five are never expanded, external ones never fetched: the reader knows neither.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::TestOutcomes;

/// The most elements that are read of one report.
const MOST_ELEMENTS: usize = 2_000_000;
/// The deepest nesting that is followed.
const DEEPEST: usize = 256;

struct Case {
    name: String,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Outcome {
    Passed,
    Skipped,
    Failed,
    Error,
}

/// What the report tells. A report that ends early or breaks off tells what came before.
pub(super) fn read(content: &[u8]) -> Option<TestOutcomes> {
    let mut reader = Reader::from_reader(content);
    reader.config_mut().check_end_names = false;
    let mut told = TestOutcomes::default();
    let mut case: Option<Case> = None;
    let mut depth = 0_usize;
    for _ in 0..MOST_ELEMENTS {
        match reader.read_event() {
            Ok(Event::Start(element)) => {
                depth += 1;
                if depth > DEEPEST {
                    break;
                }
                open(&element, &mut case);
            }
            Ok(Event::Empty(element)) => {
                let inside = case.is_some();
                open(&element, &mut case);
                if !inside && let Some(done) = case.take() {
                    count(&done, &mut told);
                }
            }
            Ok(Event::End(element)) => {
                depth = depth.saturating_sub(1);
                if element.local_name().as_ref() == b"testcase"
                    && let Some(done) = case.take()
                {
                    count(&done, &mut told);
                }
            }
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    told.told()
}

fn open(element: &BytesStart<'_>, case: &mut Option<Case>) {
    let worse = |case: &mut Option<Case>, outcome: Outcome| {
        if let Some(case) = case.as_mut().filter(|case| case.outcome < outcome) {
            case.outcome = outcome;
        }
    };
    match element.local_name().as_ref() {
        b"testcase" => {
            let (class, name) = (attribute(element, b"classname"), attribute(element, b"name"));
            let name = if class.is_empty() { name } else { format!("{class}.{name}") };
            // CTest says it in an attribute
            let outcome = match attribute(element, b"status").as_str() {
                "fail" => Outcome::Failed,
                "disabled" | "notrun" => Outcome::Skipped,
                _ => Outcome::Passed,
            };
            *case = Some(Case { name, outcome });
        }
        b"failure" => worse(case, Outcome::Failed),
        b"error" => worse(case, Outcome::Error),
        b"skipped" => worse(case, Outcome::Skipped),
        _ => {}
    }
}

fn attribute(element: &BytesStart<'_>, name: &[u8]) -> String {
    let found = element.attributes().with_checks(false).flatten().find(|attribute| attribute.key.as_ref() == name);
    found.map_or_else(String::new, |attribute| {
        let raw = String::from_utf8_lossy(&attribute.value[..attribute.value.len().min(4096)]).into_owned();
        quick_xml::escape::unescape(&raw).map(std::borrow::Cow::into_owned).unwrap_or(raw)
    })
}

fn count(case: &Case, told: &mut TestOutcomes) {
    match case.outcome {
        Outcome::Passed => told.pass(&case.name),
        Outcome::Skipped => told.skip(),
        Outcome::Failed => told.fail(&case.name),
        Outcome::Error => told.error(&case.name),
    }
}
