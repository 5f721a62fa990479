//! Which log lines and spans there are: this service's own, and of libraries what they call an error.
//!
//! Libraries log what passes through them. At `warn` the MCP library writes the name of a tool that a caller made up,
//! all of it; at `info` three lines for each good call. Who wants to see that names the library.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, ParseError, Targets};

/// The crates whose lines and spans are this service's own, by their targets.
const OURS: [&str; 8] =
    ["audit", "cost", "gateway", "identity", "proto", "telemetry", "token_broker", "watched"];
/// Libraries that log as errors what are not errors: rmcp, each client that leaves while the service stops; OpenTelemetry,
/// each export that fails, which is said here once and counted.
const SILENT: [&str; 3] = ["rmcp", "opentelemetry_sdk", "opentelemetry-otlp"];
/// What counts where nothing is set.
const DEFAULT_LEVEL: &str = "info";

/// The filter that `text` stands for: a level without a target is for [`OURS`] alone. All else is as in `tracing`'s
/// EnvFilter.
///
/// # Errors
/// When it is not a filter.
pub(crate) fn log_filter(text: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::try_new(directives(text))
}

/// What is traced, whatever is logged: `RUST_LOG=warn` must quieten the logs and not tear holes into traces.
pub(crate) fn traced() -> Targets {
    Targets::new().with_targets(OURS.map(|target| (target, LevelFilter::INFO)))
}

fn directives(text: &str) -> String {
    let text = if text.trim().is_empty() { DEFAULT_LEVEL } else { text };
    let given = text.split(',').map(str::trim).filter(|directive| !directive.is_empty());
    let mut directives: Vec<String> = SILENT.map(|target| format!("{target}=off")).into();
    for directive in given {
        let Ok(level) = directive.parse::<LevelFilter>() else {
            directives.push(directive.to_owned());
            continue;
        };
        directives.push(level.min(LevelFilter::ERROR).to_string());
        directives.extend(OURS.map(|target| format!("{target}={level}")));
    }
    directives.join(",")
}

#[cfg(test)]
mod tests {
    use tracing::{debug, error, info, warn};

    use super::*;
    use crate::testing::Captured;

    fn logged(filter: &str) -> String {
        let captured = Captured::as_a_service_logs(filter);
        info!(target: "gateway::guard", "ours-info");
        debug!(target: "gateway", "ours-debug");
        warn!(target: "rmcp::service", "mcp-warn");
        error!(target: "rmcp::service", "mcp-error");
        warn!(target: "hyper", "library-warn");
        error!(target: "hyper", "library-error");
        let logs = captured.logs();
        let words = ["ours-info", "ours-debug", "mcp-warn", "mcp-error", "library-warn", "library-error"];
        words.into_iter().filter(|word| logs.contains(word)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn by_default_libraries_say_errors_and_the_mcp_library_nothing() {
        assert_eq!(logged(""), "ours-info library-error");
    }

    #[test]
    fn a_level_is_for_our_own_lines() {
        assert_eq!(logged("debug"), "ours-info ours-debug library-error");
    }

    #[test]
    fn off_is_off() {
        assert_eq!(logged("off"), "");
    }

    #[test]
    fn who_wants_to_see_a_library_names_it() {
        assert_eq!(
            logged("warn,gateway=info,rmcp=warn,hyper=warn"),
            "ours-info mcp-warn mcp-error library-warn library-error"
        );
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        assert!(log_filter("gateway=loud").is_err());
        assert!(log_filter("info,,gateway=debug,").is_ok());
    }
}
