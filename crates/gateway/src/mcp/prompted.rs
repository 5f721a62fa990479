//! Prompts as clients ask for them: decided as the tools that they name, and what is offered for an argument as the tool that
//! lists it.

use std::sync::Arc;

use futures::FutureExt;
use jiff::tz::TimeZone;
use rmcp::model::{
    CompleteRequestParams, CompletionInfo, GetPromptRequestParams, GetPromptResult, Reference,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use tokio::time::Instant;

use super::answer::Failure;
use super::context::ToolContext;
use super::prompts::{self, Completed, PATIENCE, Prompt, found};
use super::{Call, CostServer, registry};
use crate::audited;
use crate::caller::Caller;
use crate::refusal::Refusal;

/// What is asked of a tool for an argument of a prompt.
const COMPLETION: &str = "completion/complete";

impl CostServer {
    /// A prompt as a plan.
    ///
    /// # Errors
    /// Says what is wrong with the request. A refusal replaces the whole response on its way out.
    pub(super) fn prompt(
        &self,
        request: &GetPromptRequestParams,
        caller: &Caller,
    ) -> Result<GetPromptResult, ErrorData> {
        let prompt = self.allowed(&request.name, caller)?;
        let policy = self.services.policies.current();
        let may_call = |tool: &str| policy.decide(tool, &caller.principal).is_ok();
        let plan = prompt.get(request.arguments.as_ref(), self.services.clock.now(), may_call);
        plan.map_err(|said| ErrorData::invalid_params(said, None))
    }

    /// What is offered for an argument. Where Azure does not list it, nothing is: nobody reads errors while typing.
    pub(super) async fn completed(
        &self,
        request: &CompleteRequestParams,
        caller: &Caller,
        context: &RequestContext<RoleServer>,
    ) -> Result<CompletionInfo, ErrorData> {
        let invalid = |text: &'static str| ErrorData::invalid_params(text, None);
        let Reference::Prompt(reference) = &request.r#ref else {
            return Err(invalid("only arguments of prompts can be completed: `ref` is of type ref/prompt"));
        };
        let prompt = self.allowed(&reference.name, caller)?;
        let scope = request.context.as_ref().and_then(|context| context.get_argument("scope"));
        let argument = &request.argument;
        let asked = Completed::of(prompt, &argument.name, &argument.value, scope.map(String::as_str));
        let asked = asked
            .ok_or_else(|| invalid("the prompt has no such argument; prompts/list names those it has"))?;
        let Some(entry) = asked.tool().and_then(registry::find) else {
            return Ok(asked.periods(self.services.clock.now().to_zoned(TimeZone::UTC).date()));
        };
        let call = Call { method: COMPLETION, entry, caller, arguments: None };
        let outcome = self.run(call, context, |usage| {
            let patience = Instant::now() + PATIENCE;
            let context = ToolContext::new(caller.clone(), Arc::clone(&self.services), &usage, patience);
            async move { asked.ask(context).await }.boxed()
        });
        match outcome.await {
            Ok(result) => Ok(found(&result)),
            Err(Failure::Refused(refusal)) => Err(refused(refusal, caller)),
            Err(Failure::Tool(_) | Failure::Cancelled) => Ok(CompletionInfo::default()),
        }
    }

    /// The prompt of a name, if this person may have it.
    fn allowed(&self, name: &str, caller: &Caller) -> Result<&'static Prompt, ErrorData> {
        let policy = self.services.policies.current();
        let prompt = prompts::find(name, &policy).ok_or_else(|| {
            // Without the name: it is the caller's text, and rmcp logs this.
            ErrorData::invalid_params("there is no such prompt; prompts/list names those there are", None)
        })?;
        prompt.decide(&policy, &caller.principal).map_err(|denied| {
            let refusal = Refusal::from(denied);
            audited::refused(&self.services.audit, Some(&caller.principal), None, &refusal);
            refused(refusal, caller)
        })?;
        Ok(prompt)
    }
}

/// Puts a refusal aside; what is returned is never seen.
pub(super) fn refused(refusal: Refusal, caller: &Caller) -> ErrorData {
    let code = refusal.code();
    caller.refuse(refusal);
    ErrorData::invalid_request(code, None)
}
