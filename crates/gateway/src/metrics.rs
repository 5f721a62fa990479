//! What the gateway counts.

use std::time::Duration;

use cost::Sent;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};
use telemetry::names;

/// The gateway's instruments.
#[derive(Clone, Debug)]
pub(crate) struct Instruments {
    refusals: Counter<u64>,
    tool_duration: Histogram<f64>,
    operation_duration: Histogram<f64>,
    broker_duration: Histogram<f64>,
    azure_duration: Histogram<f64>,
}

impl Instruments {
    pub(crate) fn new(meter: &Meter) -> Self {
        let seconds = |name, description| {
            meter.f64_histogram(name).with_unit(names::UNIT_SECONDS).with_description(description).build()
        };
        Self {
            refusals: meter
                .u64_counter(names::GATEWAY_REFUSALS)
                .with_description("Requests refused, by code")
                .build(),
            tool_duration: seconds(
                names::GATEWAY_TOOL_DURATION,
                "Duration of tool calls, by tool and outcome",
            ),
            operation_duration: seconds(names::MCP_SERVER_OPERATION_DURATION, "Duration of MCP operations"),
            broker_duration: seconds(
                names::RPC_CLIENT_CALL_DURATION,
                "Duration of calls of the token broker, all tries included",
            ),
            azure_duration: seconds(names::HTTP_CLIENT_REQUEST_DURATION, "Duration of requests to Azure"),
        }
    }

    /// Records a call of the broker: its code, and what the caller was refused with if it failed.
    pub(crate) fn broker_called(&self, status: &'static str, code: Option<&str>, took: Duration) {
        let mut attributes = vec![
            KeyValue::new(names::RPC_SYSTEM_NAME, "grpc"),
            KeyValue::new(names::RPC_METHOD, names::RPC_EXCHANGE),
            KeyValue::new(names::RPC_STATUS_CODE, status),
        ];
        attributes.extend(code.map(|code| KeyValue::new(names::ERROR_TYPE, code.to_owned())));
        self.broker_duration.record(took.as_secs_f64(), &attributes);
    }

    /// What records each request to Azure.
    pub(crate) fn of_azure(&self) -> impl Fn(&Sent<'_>) + Send + Sync + use<> {
        let duration = self.azure_duration.clone();
        move |sent| {
            let mut attributes = vec![
                KeyValue::new(names::HTTP_REQUEST_METHOD, sent.method.to_owned()),
                KeyValue::new(names::URL_TEMPLATE, sent.template),
                KeyValue::new(names::SERVER_ADDRESS, sent.server.to_owned()),
            ];
            attributes.extend(
                sent.status.map(|status| KeyValue::new(names::HTTP_RESPONSE_STATUS_CODE, i64::from(status))),
            );
            attributes.extend(sent.error.map(|error| KeyValue::new(names::ERROR_TYPE, error)));
            duration.record(sent.took.as_secs_f64(), &attributes);
        }
    }

    /// Counts a refusal. Codes are few: scopes and roles in them come from the policy.
    pub(crate) fn refused(&self, code: &str) {
        self.refusals.add(1, &[KeyValue::new(names::ERROR_TYPE, code.to_owned())]);
    }

    /// Records what was asked of a tool by a method of MCP: how it ended, and the code if it failed.
    pub(crate) fn tool_called(
        &self,
        method: &'static str,
        tool: &'static str,
        outcome: &'static str,
        code: Option<&str>,
        duration: Duration,
    ) {
        let code = code.map(|code| KeyValue::new(names::ERROR_TYPE, code.to_owned()));
        let mut attributes = vec![KeyValue::new(names::TOOL_NAME, tool)];
        attributes.extend(code);
        let mut operation = attributes.clone();
        operation.push(KeyValue::new(names::MCP_METHOD_NAME, method));
        self.operation_duration.record(duration.as_secs_f64(), &operation);
        attributes.push(KeyValue::new(names::OUTCOME, outcome));
        self.tool_duration.record(duration.as_secs_f64(), &attributes);
    }
}
