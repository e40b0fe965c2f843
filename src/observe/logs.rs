//! Logs: to standard error, as text or as one JSON object a line.

use std::io::{self, IsTerminal as _};

use serde::Deserialize;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, ParseError, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::domain::text::escaped_but;

/// Begins the sequences that colour.
const COLOURS: char = '\u{1b}';

/// `[log]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// What is logged: `error`, `warn`, `info`, `debug` or `trace`, also by module: `info,fanfare::engine=debug`.
    /// Libraries log `info` and above at most: below it they would write URLs and headers.
    pub filter: String,
    /// How it is written.
    pub format: LogFormat,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { filter: "info".into(), format: LogFormat::Text }
    }
}

/// Why logging can't start.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter does not read.
    #[error("log.filter: {0}")]
    Filter(#[from] ParseError),
    /// The process logs already.
    #[error("logging was started before")]
    Started,
    /// The process logs no more.
    #[error("logging has ended")]
    Ended,
}

/// Changes what is logged while the process runs.
#[derive(Clone, Debug)]
pub struct LogFilter(reload::Handle<EnvFilter, Registry>);

impl LogFilter {
    /// From now on this is logged.
    ///
    /// # Errors
    /// See [`LogError`]; then it stays as it was.
    pub fn set(&self, filter: &str) -> Result<(), LogError> {
        self.0.reload(EnvFilter::try_new(filter)?).map_err(|_| LogError::Ended)
    }
}

/// Starts logging to standard error, for the whole process and once.
///
/// # Errors
/// See [`LogError`].
pub fn start(settings: &LogSettings) -> Result<LogFilter, LogError> {
    let (subscriber, filter) = subscriber(settings, io::stderr, io::stderr().is_terminal())?;
    subscriber.try_init().map_err(|_| LogError::Started)?;
    Ok(filter)
}

/// Writes one event as one line, whatever is in it: see [`crate::domain::text`]. What somebody else wrote neither controls
/// a terminal nor looks like a line of its own.
#[derive(Debug)]
struct Plain<W> {
    writer: W,
    /// The escape sequences are ours; those of values are escaped by the library then.
    colours: bool,
}

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Plain<W> {
    type Writer = Plain<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Plain { writer: self.writer.make_writer(), colours: self.colours }
    }

    fn make_writer_for(&'a self, metadata: &tracing::Metadata<'_>) -> Self::Writer {
        Plain { writer: self.writer.make_writer_for(metadata), colours: self.colours }
    }
}

impl<W: io::Write> io::Write for Plain<W> {
    /// Of a whole event, as the library writes it.
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(octets);
        let (line, end) = text.strip_suffix('\n').map_or((&*text, ""), |line| (line, "\n"));
        let kept: &[char] = if self.colours { &[COLOURS] } else { &[] };
        let shown = escaped_but(line, kept);
        self.writer.write_all(&[shown.as_bytes(), end.as_bytes()].concat())?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

fn subscriber<W>(
    settings: &LogSettings,
    writer: W,
    colours: bool,
) -> Result<(impl Subscriber + Send + Sync + use<W>, LogFilter), LogError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(EnvFilter::try_new(&settings.filter)?);
    let ours = filter_fn(|metadata| {
        let target = metadata.target();
        target == "fanfare" || target.starts_with("fanfare::") || *metadata.level() <= LevelFilter::INFO
    });
    // Without a hint of each, nobody knows that nothing below `filter` is wanted: libraries that log by the `log` crate, sled
    // above all, would make a record of every step to have it refused.
    let ours = ours.with_max_level_hint(LevelFilter::TRACE);
    let writer = Plain { writer, colours };
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colours);
    let layer = match settings.format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    Ok((Registry::default().with(layer.with_filter(filter.and(ours))), LogFilter(handle)))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What is logged under these settings.
    fn logged(filter: &str, format: LogFormat, log: impl FnOnce()) -> String {
        let written = Arc::new(Mutex::new(Vec::new()));
        let settings = LogSettings { filter: filter.into(), format };
        let (subscriber, _) = subscriber(&settings, Captured(Arc::clone(&written)), false).unwrap();
        tracing::subscriber::with_default(subscriber, log);
        let written = written.lock().unwrap().clone();
        String::from_utf8(written).unwrap()
    }

    #[derive(Clone)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(octets)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Captured {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn libraries_stay_quiet_at_every_level() {
        let text = logged("trace", LogFormat::Text, || {
            tracing::trace!("ours in detail");
            tracing::debug!(target: "hyper::client", "a URL");
            tracing::trace!(target: "h2::codec", "a header");
            tracing::debug!(target: "fanfarex", "not ours");
            tracing::warn!(target: "sled", "theirs");
        });
        let lines: Vec<_> = text.lines().map(|line| line.rsplit(": ").next().unwrap()).collect();
        assert_eq!(lines, ["ours in detail", "theirs"], "{text}");
    }

    #[test]
    fn what_no_filter_lets_through_is_not_even_recorded() {
        for (filter, level) in
            [("info", LevelFilter::INFO), ("warn,fanfare::engine=debug", LevelFilter::DEBUG)]
        {
            let settings = LogSettings { filter: filter.into(), format: LogFormat::Text };
            let (subscriber, _) = subscriber(&settings, io::sink, false).unwrap();
            assert_eq!(subscriber.max_level_hint(), Some(level), "{filter}");
        }
    }

    #[test]
    fn the_filter_and_the_format_are_as_set() {
        let text = logged("warn,fanfare::observe=info", LogFormat::Json, || {
            tracing::info!(subscriptions = 3, "removed");
            tracing::info!(target: "fanfare::engine", "not this");
        });
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&line["message"], &line["subscriptions"]), (&"removed".into(), &3.into()));
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn the_filter_may_change() {
        let written = Arc::new(Mutex::new(Vec::new()));
        let settings = LogSettings { filter: "warn".into(), format: LogFormat::Text };
        let (subscriber, filter) = subscriber(&settings, Captured(Arc::clone(&written)), false).unwrap();
        let log = |said: &str| tracing::debug!("{said}");
        tracing::subscriber::with_default(subscriber, || {
            log("before");
            filter.set("debug").unwrap();
            log("between");
            assert!(matches!(filter.set("fanfare=loud"), Err(LogError::Filter(_))));
            log("still");
            filter.set("warn").unwrap();
            log("after");
        });
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        let lines: Vec<_> = text.lines().map(|line| line.rsplit(": ").next().unwrap()).collect();
        assert_eq!(lines, ["between", "still"], "{text}");
    }

    #[test]
    fn what_others_wrote_is_one_line_of_text() {
        let written = "a\u{1b}[2J\r\n2026-01-01 INFO forged\u{202e}\u{9b}1A\u{7f}\u{2028}";
        for format in [LogFormat::Text, LogFormat::Json] {
            let text = logged("info", format, || tracing::warn!(detail = written, "{written}"));
            let line = text.strip_suffix('\n').unwrap();
            assert!(!line.contains(crate::domain::text::is_control), "{line:?}");
            if format == LogFormat::Json {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                assert_eq!(line["detail"], written, "a program reads what was written");
            }
        }
    }

    #[test]
    fn a_filter_that_does_not_read_is_an_error() {
        let settings = LogSettings { filter: "fanfare=loud".into(), format: LogFormat::Text };
        assert!(matches!(subscriber(&settings, io::sink, false), Err(LogError::Filter(_))));
    }
}
