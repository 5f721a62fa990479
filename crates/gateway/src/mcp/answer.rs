//! What a tool call ends in: an answer, an error that the assistant can act on, or a refusal over HTTP; or nothing, because
//! nobody waits for it.

use std::borrow::Cow;
use std::time::Duration;

use audit::Outcome;
use cost::AzureError;
use rmcp::model::{CallToolResult, ContentBlock};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use telemetry::names::{OUTCOME_CANCELLED, OUTCOME_OK};

use super::foreign;
use crate::audited;
use crate::caller::Caller;
use crate::engine::Unanswered;
use crate::exports::{ExportFault, ExportId};
use crate::refusal::Refusal;

mod unforeseen;

/// An answer: a text for people, data for programs.
pub(super) struct Answer<T> {
    pub(super) text: String,
    pub(super) data: T,
}

impl<T: Serialize> Answer<T> {
    pub(super) fn into_result(self) -> Result<CallToolResult, Failure> {
        let data = serde_json::to_value(self.data).map_err(|_| ToolError::internal())?;
        let mut result = CallToolResult::success(vec![ContentBlock::text(self.text)]);
        result.structured_content = Some(data);
        Ok(result)
    }
}

/// Why a tool has no answer.
#[derive(Clone)]
pub(super) enum Failure {
    /// The caller must do something first: said over HTTP, where clients act on it.
    Refused(Refusal),
    /// Azure, or the question: said in the tool's result, where the assistant and the person read it.
    Tool(Box<ToolError>),
    /// Nobody waits for the answer any more.
    Cancelled,
}

impl Failure {
    /// The code, the same string in answers, logs and metrics.
    pub(super) fn code(&self) -> Cow<'static, str> {
        match self {
            Self::Refused(refusal) => refusal.code().into(),
            Self::Tool(error) => error.code.into(),
            Self::Cancelled => OUTCOME_CANCELLED.into(),
        }
    }

    /// The failure as a result. A refusal replaces the whole response on its way out.
    pub(super) fn answer(self, caller: &Caller) -> CallToolResult {
        match self {
            Self::Refused(refusal) => {
                let text = refusal.code();
                caller.refuse(refusal);
                CallToolResult::error(vec![ContentBlock::text(text)])
            }
            Self::Tool(error) => error.into_result(),
            // rmcp wants an answer, to drop it.
            Self::Cancelled => CallToolResult::error(vec![ContentBlock::text(OUTCOME_CANCELLED)]),
        }
    }
}

/// How a call ended, for the audit; `requests` are the ids that Azure gave what it was asked.
pub(super) fn recorded(result: &Result<CallToolResult, Failure>, mut requests: Vec<String>) -> Outcome {
    let failed = match result {
        Err(Failure::Tool(error)) => error.azure.as_ref().and_then(|azure| azure.request_id.clone()),
        Err(Failure::Refused(Refusal::BlockedByPolicy { correlation_id, .. })) => correlation_id.clone(),
        _ => None,
    };
    requests.extend(failed.filter(|id| requests.last() != Some(id)));
    let code = result.as_ref().err().map_or(OUTCOME_OK.into(), Failure::code);
    audited::outcome(&code, result.as_ref().ok(), &requests)
}

impl From<ToolError> for Failure {
    fn from(error: ToolError) -> Self {
        Self::Tool(Box::new(error))
    }
}

impl From<ExportFault> for ToolError {
    fn from(fault: ExportFault) -> Self {
        let mut detail = fault.to_string();
        if let Some(first) = detail.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Self { retry_after_seconds: fault.retry_in_seconds(), ..Self::new(fault.code(), detail + ".") }
    }
}

impl From<Unanswered> for Failure {
    fn from(why: Unanswered) -> Self {
        match why {
            Unanswered::Refused(refusal) => Self::Refused(refusal),
            Unanswered::Azure(error) => Self::from(&*error),
            Unanswered::Busy { retry_after } => ToolError::busy(retry_after).into(),
        }
    }
}

impl From<cost::Error> for Failure {
    fn from(error: cost::Error) -> Self {
        Self::from(&error)
    }
}

impl From<&cost::Error> for Failure {
    fn from(error: &cost::Error) -> Self {
        if let cost::Error::TokenRejected(azure) = error {
            // A new sign-in is a new assertion, and with it a new token: the cached one is not used again.
            tracing::error!(%azure, "azure rejected a token that the broker vouched for");
            return Self::Refused(Refusal::InvalidToken {
                reason: "rejected_by_azure".to_owned(),
                detail: "Azure did not accept the token it was given in your name; sign in again".to_owned(),
                claims: None,
            });
        }
        if let Some(fault) = ExportFault::behind(error) {
            return ToolError::from(fault).into();
        }
        unforeseen::note(error);
        ToolError {
            code: error.code(),
            detail: error.detail(),
            retry_after_seconds: error.retry_after_seconds(),
            azure: error.azure().map(AzureSaid::from),
            subscriptions: Vec::new(),
            export: None,
        }
        .into()
    }
}

/// Why Azure gave no answer, and what to do next.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(super) struct ToolError {
    /// What went wrong, as a stable code.
    code: &'static str,
    /// What happened and what to do next.
    detail: String,
    /// Seconds to wait before the same question can succeed, if it is a matter of time.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u64>,
    /// What Azure itself said.
    #[serde(skip_serializing_if = "Option::is_none")]
    azure: Option<AzureSaid>,
    /// Subscriptions to choose from, the first 20 of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscriptions: Vec<Choice>,
    /// The export that failed.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    export: Option<OfExport>,
}

/// An export that failed.
#[derive(Clone, Debug, JsonSchema, Serialize)]
struct OfExport {
    export_id: String,
    /// "failed".
    status: &'static str,
}

/// A subscription to choose.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(super) struct Choice {
    /// Its id.
    pub(super) id: String,
    /// Its name.
    pub(super) name: String,
    /// Enabled, Warned, PastDue, Disabled, Deleted or unknown.
    pub(super) state: String,
    /// The id of the directory it belongs to, if Azure says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) directory: Option<String>,
}

/// An error as Azure worded it.
#[derive(Clone, Debug, JsonSchema, Serialize)]
struct AzureSaid {
    /// Azure's error code.
    code: Option<String>,
    /// Azure's message.
    message: Option<String>,
    /// The request's id: under it the server's operator and Azure's support find this very call.
    request_id: Option<String>,
    /// The names that would have been right, where Azure lists them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    valid_values: Vec<String>,
}

impl From<&AzureError> for AzureSaid {
    fn from(azure: &AzureError) -> Self {
        Self {
            code: azure.code.clone(),
            message: azure.message().map(str::to_owned),
            request_id: azure.request_id.clone(),
            valid_values: azure.valid_values().iter().map(|name| foreign::exact(name)).collect(),
        }
    }
}

impl ToolError {
    pub(super) fn new(code: &'static str, detail: String) -> Self {
        Self { code, detail, retry_after_seconds: None, azure: None, subscriptions: Vec::new(), export: None }
    }

    /// The code.
    pub(super) const fn code(&self) -> &'static str {
        self.code
    }

    /// What happened and what to do next.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// The names that would have been right, where Azure lists them.
    pub(super) fn valid_values(&self) -> &[String] {
        self.azure.as_ref().map_or(&[], |azure| &azure.valid_values)
    }

    /// The same error in other words, with those names in another order.
    pub(super) fn reworded(mut self, detail: String, valid_values: Vec<String>) -> Self {
        if let Some(azure) = &mut self.azure {
            azure.valid_values = valid_values;
        }
        Self { detail, ..self }
    }

    /// The same error with what there is to choose from.
    pub(super) fn with_choices(self, subscriptions: Vec<Choice>) -> Self {
        Self { subscriptions, ..self }
    }

    /// Arguments that do not fit the tool's schema. The parser names the field, in the caller's own words.
    pub(super) fn invalid_arguments(tool: &str, error: &serde_json::Error) -> Self {
        let error = foreign::message(&error.to_string());
        Self::new("invalid_arguments", format!("The arguments of {tool} do not fit its schema: {error}."))
    }

    /// It would not be this question's turn in time.
    fn busy(retry_after: Duration) -> Self {
        let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
        let seconds = seconds.max(1);
        let detail = format!(
            "Azure limits how often costs can be read, for all tools of the directory together, and others wait already. Ask again \
             in {seconds} seconds."
        );
        Self { retry_after_seconds: Some(seconds), ..Self::new("throttled", detail) }
    }

    /// The same error with the seconds after which it may be another answer.
    pub(super) fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after_seconds: Some(seconds), ..self }
    }

    /// The same error of an export that failed.
    pub(super) fn of_export(self, id: ExportId) -> Self {
        Self { export: Some(OfExport { export_id: id.to_string(), status: "failed" }), ..self }
    }

    pub(super) fn internal() -> Self {
        Self::new("internal", "The answer could not be written; this is a defect of the server.".to_owned())
    }

    pub(super) fn into_result(self) -> CallToolResult {
        let mut text = format!("{}: {}", self.code, self.detail);
        if let Some(id) = self.azure.as_ref().and_then(|azure| azure.request_id.as_deref()) {
            text.push_str("\n\nAzure's request id: ");
            text.push_str(&foreign::name(id));
        }
        if let Some((said, azure)) =
            self.azure.as_ref().and_then(|azure| Some((azure.message.as_deref()?, azure)))
        {
            text.push_str("\n\nAzure says: ");
            text.push_str(&foreign::message_with(said, &azure.valid_values));
        }
        let mut result = CallToolResult::error(vec![ContentBlock::text(text)]);
        result.structured_content = Some(json!(self));
        result
    }
}
