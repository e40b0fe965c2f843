//! The two text formats: OpenMetrics, which the encoder writes, and Prometheus' own of before, which tools without it read.

use std::fmt::Write as _;

/// The media type of OpenMetrics.
pub(super) const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The media type of Prometheus' text format.
pub(super) const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether whoever sent this `Accept` rather has OpenMetrics. Without a word of it they get the format that all read.
pub(super) fn wants_openmetrics(accept: &str) -> bool {
    let quality = |wanted: &str| {
        accept
            .split(',')
            .filter_map(|range| {
                let mut parts = range.split(';').map(str::trim);
                parts.next().filter(|kind| kind.eq_ignore_ascii_case(wanted))?;
                let quality = parts.find_map(|part| part.strip_prefix("q="));
                Some(quality.map_or(1.0, |quality| quality.parse().unwrap_or(0.0)))
            })
            .fold(0.0, f64::max)
    };
    let openmetrics = quality("application/openmetrics-text");
    openmetrics > 0.0 && openmetrics >= quality("text/plain")
}

/// The same metrics in Prometheus' text format (version 0.0.4): there a counter's and an info's metadata have the names of
/// their samples, and units and the end are not told.
pub(super) fn plain(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    // The name with which HELP comes is told by the kind, which comes behind it.
    let mut help = None;
    for line in openmetrics.lines() {
        if let Some(told) = line.strip_prefix("# HELP ") {
            help = told.split_once(' ');
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|told| told.split_once(' '))
        {
            let (suffix, kind) = match kind {
                "counter" => ("_total", kind),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                _ => ("", kind),
            };
            if let Some((_, help)) = help.take() {
                let _ = writeln!(text, "# HELP {name}{suffix} {help}");
            }
            let _ = writeln!(text, "# TYPE {name}{suffix} {kind}");
        } else if !line.starts_with('#') {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_chosen_by_accept() {
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert!(wants_openmetrics(prometheus));
        assert!(wants_openmetrics("application/openmetrics-text, text/plain"));
        for other in ["", "*/*", "text/plain", "text/html,*/*;q=0.8", "application/openmetrics-text;q=0"] {
            assert!(!wants_openmetrics(other), "{other}");
        }
        assert!(!wants_openmetrics("application/openmetrics-text;q=0.3, text/plain;q=0.5"));
    }

    #[test]
    fn metadata_has_the_names_of_the_samples() {
        let openmetrics = "# HELP a_seconds Help.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total 1\n\
                           # HELP b Help of b.\n# TYPE b info\nb_info{v=\"1\"} 1\n# HELP c Help.\n# TYPE c gauge\nc 2\n# EOF\n";
        assert_eq!(
            plain(openmetrics),
            "# HELP a_seconds_total Help.\n# TYPE a_seconds_total counter\na_seconds_total 1\n\
             # HELP b_info Help of b.\n# TYPE b_info gauge\nb_info{v=\"1\"} 1\n# HELP c Help.\n# TYPE c gauge\nc 2\n"
        );
    }
}
