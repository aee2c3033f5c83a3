//! Paraph's own logs: a file a day below the home, never the screen.
//!
//! Every line goes through one writer that hides keys and shapes of keys and makes control, bidirectional and
//! invisible characters visible, so that a log can be read with `less` whatever a repository or a model said. At most
//! `files` × `bytes` are kept: a day that is full says so once and is silent then.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::Subscriber;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry, fmt};

use crate::clock::Clock;
use crate::text::{LiveMask, Untrusted};

/// Files are named `paraph.<date>.log`.
const PREFIX: &str = "paraph";
const SUFFIX: &str = "log";

/// Lines that wait to be written; more are dropped rather than that somebody waits for a disk.
const WAITING: usize = 16 * 1024;

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What to log, and where.
pub struct LogOptions {
    /// The folder, `<home>/logs`.
    pub folder: PathBuf,
    /// How.
    pub format: LogFormat,
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`, for Paraph's own words; others are heard from `warn` on.
    pub level: String,
    /// What `PARAPH_LOG` says: directives of tracing, instead of `level`.
    pub filter: Option<String>,
    /// Daily files that are kept.
    pub files: usize,
    /// The most bytes of one file.
    pub bytes: u64,
    /// Keys that must not be in any line, those too that are learned while it is written.
    pub mask: LiveMask,
    /// Tells the day.
    pub clock: Arc<dyn Clock>,
}

/// Why nothing is logged.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The folder or its file cannot be made.
    #[error("cannot write logs to `{path}`", path = folder.display())]
    Folder {
        /// Where.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// `PARAPH_LOG` makes no sense.
    #[error("PARAPH_LOG is no filter: {why}")]
    Filter {
        /// What is wrong.
        why: String,
    },
    /// Something else logs in this process already.
    #[error("logs are written already")]
    Taken,
}

impl LogError {
    /// What to type next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Folder { .. } => "paraph doctor",
            Self::Filter { .. } => "PARAPH_LOG=paraph=debug,warn",
            Self::Taken => "",
        }
    }
}

/// Writes what waits when it is dropped: keep it until the end of the program.
#[must_use]
#[derive(Debug)]
pub struct LogGuard {
    _worker: WorkerGuard,
}

/// Begins to log for the whole process.
///
/// # Errors
/// [`LogError`]; the program goes on without logs.
pub fn start(options: LogOptions) -> Result<LogGuard, LogError> {
    let (subscriber, guard) = subscriber(options)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Taken)?;
    Ok(guard)
}

/// What [`start`] sets, to be set for one thread in a test.
///
/// # Errors
/// As [`start`].
pub fn subscriber(options: LogOptions) -> Result<(impl Subscriber + Send + Sync, LogGuard), LogError> {
    let wanted = match &options.filter {
        Some(filter) if !filter.trim().is_empty() => filter.clone(),
        _ => format!("warn,paraph={}", options.level),
    };
    let filter = EnvFilter::try_new(&wanted).map_err(|error| LogError::Filter { why: error.to_string() })?;
    let format = options.format;
    let writer = SafeWriter::open(options)?;
    let builder = NonBlockingBuilder::default().buffered_lines_limit(WAITING).lossy(true).thread_name("paraph-log");
    let (writer, worker) = builder.finish(writer);
    let layer = fmt::layer().with_ansi(false).with_writer(writer);
    let layer = match format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    Ok((Registry::default().with(layer.with_filter(filter)), LogGuard { _worker: worker }))
}

/// Makes every line safe and counts what the day's file has.
struct SafeWriter {
    file: RollingFileAppender,
    options: LogOptions,
    day: (i64, u32, u32),
    written: u64,
    full: bool,
}

impl SafeWriter {
    fn open(options: LogOptions) -> Result<Self, LogError> {
        let wrong = |source| LogError::Folder { folder: options.folder.clone(), source };
        {
            use std::os::unix::fs::DirBuilderExt as _;
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&options.folder).map_err(wrong)?;
        }
        let builder = RollingFileAppender::builder().rotation(Rotation::DAILY).filename_prefix(PREFIX);
        let file = builder
            .filename_suffix(SUFFIX)
            .max_log_files(options.files)
            .build(&options.folder)
            .map_err(|error| wrong(io::Error::other(error)))?;
        let day = options.clock.now().date();
        let written = size_of_day(&options.folder, day);
        Ok(Self { file, options, day, written, full: false })
    }

    /// A line as it may be kept: no key, no character that moves a cursor or hides.
    fn safe(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        let line = Untrusted::new(self.options.mask.now().mask(text.trim_end_matches('\n')).into_owned());
        format!("{}\n", line.display_line())
    }
}

impl Write for SafeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let today = self.options.clock.now().date();
        if today != self.day {
            (self.day, self.written, self.full) = (today, size_of_day(&self.options.folder, today), false);
        }
        if self.full {
            return Ok(bytes.len());
        }
        let line = self.safe(bytes);
        self.full = self.written + line.len() as u64 > self.options.bytes;
        let line = match (self.full, self.options.format) {
            (false, _) => line,
            (true, LogFormat::Text) => "this day's log is full; see log.bytes\n".to_owned(),
            (true, LogFormat::Json) => {
                "{\"level\":\"WARN\",\"message\":\"this day's log is full; see log.bytes\"}\n".to_owned()
            }
        };
        self.file.write_all(line.as_bytes())?;
        self.written += line.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn size_of_day(folder: &Path, (year, month, day): (i64, u32, u32)) -> u64 {
    let name = format!("{PREFIX}.{year:04}-{month:02}-{day:02}.{SUFFIX}");
    fs::metadata(folder.join(name)).map_or(0, |data| data.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    struct Lab {
        folder: tempfile::TempDir,
    }

    impl Lab {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().expect("a temporary folder") }
        }

        fn options(&self, format: LogFormat) -> LogOptions {
            LogOptions {
                folder: self.folder.path().join("logs"),
                format,
                level: "info".to_owned(),
                filter: None,
                files: 3,
                bytes: 10_000,
                mask: LiveMask::new(vec!["hunter22-long".to_owned()]),
                clock: Arc::new(SystemClock::default()),
            }
        }

        /// What is in the log after `work`.
        fn log(&self, options: LogOptions, work: impl FnOnce()) -> String {
            let (subscriber, guard) = subscriber(options).expect("logs");
            tracing::subscriber::with_default(subscriber, work);
            drop(guard);
            self.files().iter().map(|path| fs::read_to_string(path).expect("text")).collect()
        }

        fn files(&self) -> Vec<PathBuf> {
            let items = fs::read_dir(self.folder.path().join("logs")).expect("a folder");
            let mut files: Vec<_> = items.map(|item| item.expect("an entry").path()).collect();
            files.sort();
            files
        }
    }

    #[track_caller]
    fn check(format: LogFormat, said: &str, kept: &str) {
        let lab = Lab::new();
        let log = lab.log(lab.options(format), || tracing::warn!(said, "{said}"));
        assert!(log.contains(kept), "{log}");
        assert_eq!(log.lines().count(), 1, "{log}");
        assert!(!log.contains("hunter22"), "{log}");
        assert!(log.trim_end().chars().all(|c| !c.is_control() && c != '\u{202e}' && c != '\u{200b}'), "{log:?}");
    }

    #[test]
    fn a_line_is_safe_whoever_wrote_it() {
        for format in [LogFormat::Text, LogFormat::Json] {
            check(format, "plain words", "plain words");
            check(format, "key hunter22-long here", "key [masked] here");
            check(format, "\u{1b}]0;title\u{7}", "title");
            check(format, "one\ntwo\r", "two");
            check(format, "\u{202e}gnp.exe\u{200b}", "<U+202E>gnp.exe");
        }
    }

    #[test]
    fn a_key_that_is_learned_while_it_logs_is_in_no_line_from_then_on() {
        let lab = Lab::new();
        let options = lab.options(LogFormat::Text);
        let mask = options.mask.clone();
        let log = lab.log(options, || {
            mask.learn("team-llm-4711-blue");
            tracing::warn!("refused: team-llm-4711-blue");
        });
        assert!(log.contains("refused: [masked]"), "{log}");
    }

    #[test]
    fn json_lines_are_json() {
        let lab = Lab::new();
        let said = "a \"b\" \\ \u{1b}[31m\n\u{202e}";
        let log = lab.log(lab.options(LogFormat::Json), || tracing::info!(session = 12, said, "hello"));
        let value: serde_json::Value = serde_json::from_str(&log).expect("JSON");
        assert_eq!((value["message"].as_str(), value["session"].as_u64()), (Some("hello"), Some(12)));
        assert!(value["said"].as_str().is_some_and(|text| text.starts_with("a \"b\" \\ ")), "{log}");
    }

    #[test]
    fn a_filter_says_what_is_heard() {
        let lab = Lab::new();
        let quiet = LogOptions { level: "error".to_owned(), ..lab.options(LogFormat::Text) };
        assert_eq!(lab.log(quiet, || tracing::warn!("x")), "");
        let loud = LogOptions { filter: Some("trace".to_owned()), ..lab.options(LogFormat::Text) };
        assert!(lab.log(loud, || tracing::trace!("whispered")).contains("whispered"));
        let wrong = LogOptions { filter: Some("paraph=loud".to_owned()), ..lab.options(LogFormat::Text) };
        assert!(matches!(subscriber(wrong).map(|_| ()), Err(LogError::Filter { .. })));
    }

    #[test]
    fn a_day_that_is_full_says_so_once() {
        let lab = Lab::new();
        let work = || (0..1000).for_each(|n| tracing::info!(n, "a line that takes some room in the file"));
        let log = lab.log(lab.options(LogFormat::Text), work);
        assert!(log.len() < 10_100, "{}", log.len());
        assert_eq!(log.matches("is full").count(), 1);
        let again = lab.log(lab.options(LogFormat::Text), work);
        assert!(again.len() < 10_200, "a second process of the day knows what is there: {}", again.len());
    }

    #[test]
    fn only_the_newest_files_are_kept() {
        let lab = Lab::new();
        let logs = lab.folder.path().join("logs");
        fs::create_dir(&logs).expect("a folder");
        for day in 1..=9 {
            fs::write(logs.join(format!("paraph.2026-01-0{day}.log")), "old\n").expect("a file");
        }
        fs::write(logs.join("daemon.log"), "another's\n").expect("a file");
        drop(lab.log(lab.options(LogFormat::Text), || tracing::info!("new")));
        let names: Vec<_> = lab.files().iter().filter_map(|path| path.file_name().map(ToOwned::to_owned)).collect();
        assert!(names.len() <= 4 && names.iter().any(|name| name == "daemon.log"), "{names:?}");
    }

    #[test]
    fn a_place_that_cannot_be_written_is_told() {
        let lab = Lab::new();
        fs::write(lab.folder.path().join("logs"), "a file").expect("a file");
        let failed = subscriber(lab.options(LogFormat::Text)).map(|_| ()).expect_err("no folder");
        assert!(matches!(failed, LogError::Folder { .. }) && !failed.hint().is_empty());
    }
}
