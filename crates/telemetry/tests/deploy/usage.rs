//! The dashboard of whoever answers for it: what it is used for, and what people run into.

use telemetry::names;

use crate::dashboard::{Dashboard, Form, Row, Unit, lines, panel, row};
use crate::expression::{Only, p95, rate, share, times, value};

pub(crate) fn dashboard() -> Dashboard {
    Dashboard {
        file: "use",
        title: "MCP cost server: use",
        description: "What it is used for, and what people run into. Who people are is in no metric: the audit knows (docs/audit.md).",
        rows: vec![tools(), people(), exports(), services()],
    }
}

/// The tool that takes data out of Azure.
const EXPORTS: Only<'_> = &[(names::TOOL_NAME, "=", "cost_export")];

fn tools() -> Row {
    let worked = [(names::OUTCOME, "=", names::OUTCOME_OK)];
    let good = rate(names::GATEWAY_TOOL_DURATION, &[names::TOOL_NAME], &worked);
    let all = rate(names::GATEWAY_TOOL_DURATION, &[names::TOOL_NAME], &[]);
    row(
        "Tools",
        vec![
            panel(
                Form::Bars,
                "Calls of each tool",
                "In the whole time that is looked at.",
                Unit::Count,
                [times(names::GATEWAY_TOOL_DURATION, &[names::TOOL_NAME], &[])],
            ),
            lines("Calls over time", "By tool.", Unit::PerSecond, [all]),
            lines(
                "Calls that worked",
                "Share of each tool's calls that ended well.",
                Unit::Share,
                [share(&good, &[&rate(names::GATEWAY_TOOL_DURATION, &[names::TOOL_NAME], &[])])],
            ),
            lines(
                "How long people wait",
                "95 of 100 calls end within this time, by tool.",
                Unit::Seconds,
                [p95(names::GATEWAY_TOOL_DURATION, &[names::TOOL_NAME])],
            ),
        ],
    )
}

fn people() -> Row {
    let refused =
        |codes| times(names::GATEWAY_REFUSALS, &[names::ERROR_TYPE], &[(names::ERROR_TYPE, "=~", codes)]);
    row(
        "People, and what they run into",
        vec![
            lines(
                "People",
                "Who called within the last two minutes, at each gateway.",
                Unit::Count,
                [value("sum", names::GATEWAY_PEOPLE, &["instance"], &[])],
            ),
            panel(
                Form::Bars,
                "May not",
                "A scope, a role, a policy or a consent is missing: an administrator can mend it.",
                Unit::Count,
                [refused(
                    "missing_scope:.*|missing_role:.*|blocked_by_policy|consent_required|client_not_allowed|no_policy",
                )],
            ),
            panel(
                Form::Bars,
                "Must sign in again",
                "Tokens that ended or are for somebody else, and challenges of Conditional Access.",
                Unit::Count,
                [refused("missing_bearer|invalid_token|claims_challenge|app_only_token")],
            ),
            panel(
                Form::Bars,
                "Signing in through the facade",
                "By client and what was refused; nothing where there is no facade.",
                Unit::Count,
                [times(names::GATEWAY_SIGN_IN_REQUESTS, &[names::CLIENT, names::ERROR_TYPE], &[])],
            ),
            panel(
                Form::Bars,
                "Why calls failed",
                "Codes of tool calls, most of them Azure's: docs/refusals.md.",
                Unit::Count,
                [times(names::GATEWAY_TOOL_DURATION, &[names::ERROR_TYPE], &[(names::ERROR_TYPE, "!=", "")])],
            ),
        ],
    )
}

fn exports() -> Row {
    row(
        "Exports: data that leaves Azure",
        vec![
            panel(
                Form::Bars,
                "Exports",
                "By how they ended, in the whole time that is looked at.",
                Unit::Count,
                [times(names::GATEWAY_TOOL_DURATION, &[names::OUTCOME], EXPORTS)],
            ),
            lines(
                "Exports over time",
                "By how they ended.",
                Unit::PerSecond,
                [rate(names::GATEWAY_TOOL_DURATION, &[names::OUTCOME], EXPORTS)],
            ),
            panel(
                Form::Bars,
                "Exports that failed",
                "By code.",
                Unit::Count,
                [times(
                    names::GATEWAY_TOOL_DURATION,
                    &[names::ERROR_TYPE],
                    &[EXPORTS[0], (names::OUTCOME, "=", names::OUTCOME_ERROR)],
                )],
            ),
            lines(
                "Exports that are kept",
                "Ready to be fetched, or still being written.",
                Unit::Count,
                [value("sum", names::GATEWAY_EXPORTS, &[names::KIND], &[])],
            ),
            lines(
                "Room of exports",
                "What they take on the disks of all gateways, and the most that they may.",
                Unit::Bytes,
                [value("sum", names::GATEWAY_EXPORT_DISK, &[names::KIND], &[])],
            ),
            panel(
                Form::Bars,
                "Exports that could not be kept",
                "By code: the disk, the room for all, or that of one person is full.",
                Unit::Count,
                [times(names::GATEWAY_EXPORTS_REFUSED, &[names::ERROR_TYPE], &[])],
            ),
            panel(
                Form::Bars,
                "Exports fetched",
                "Whole or in part, by how that ended.",
                Unit::Count,
                [times(names::GATEWAY_EXPORT_DOWNLOADS, &[names::OUTCOME], &[])],
            ),
            panel(
                Form::Bars,
                "What was fetched",
                "Bytes of exports that left each gateway.",
                Unit::Bytes,
                [times(names::GATEWAY_EXPORT_SENT, &["instance"], &[])],
            ),
        ],
    )
}

fn services() -> Row {
    row(
        "Services that use the broker",
        vec![panel(
            Form::Bars,
            "Exchanges of each consumer",
            "In the whole time that is looked at.",
            Unit::Count,
            [times(names::BROKER_EXCHANGES, &[names::CONSUMER], &[])],
        )],
    )
}
