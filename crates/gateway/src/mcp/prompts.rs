//! Prompts: what people ask again and again, each as a plan of calls of this server's tools.
//!
//! A prompt asks Azure nothing. It is a text: the calls as an assistant makes them, what they take, and what to make of the answers.
//! Who may call its tools may have it.

use identity::Principal;
use rmcp::model::{GetPromptResult, JsonObject, Prompt as Listed, PromptArgument, PromptMessage, Role};

pub(super) use complete::{Completed, PATIENCE, found};
use table::PROMPTS;

use crate::policy::{Denied, Policy};

mod complete;
mod plan;
mod table;

/// A prompt.
pub(super) struct Prompt {
    pub(super) name: &'static str,
    title: &'static str,
    description: &'static str,
    arguments: &'static [Argument],
    steps: &'static [Step],
    /// What to make of the answers.
    then: &'static str,
}

/// What a person may say beside its name.
struct Argument {
    name: &'static str,
    kind: Kind,
    description: &'static str,
    /// What counts where nobody says it; empty where the calls do without, or where it must be said.
    otherwise: &'static str,
    is_required: bool,
}

/// What can be offered for an argument.
#[derive(Clone, Copy)]
enum Kind {
    /// A subscription by name; any other scope is taken too.
    Scope,
    Period,
    TagKey,
}

/// A call of the plan.
struct Step {
    tool: &'static str,
    /// JSON, in which `{name}` is an argument's value. A member whose value nobody said is left out.
    arguments: &'static str,
    why: &'static str,
    units: Units,
    /// Left out, and not missed, where the person may not call the tool.
    is_extra: bool,
}

/// What a call takes of each scope.
enum Units {
    /// As it is planned: it depends on the period.
    Planned,
    AtMost(u32),
    /// At most so many for each 31 days of its period.
    ByPeriod(u32),
}

/// The prompts that this person may have.
pub(super) fn listed(policy: &Policy, who: &Principal) -> Vec<Listed> {
    PROMPTS.iter().filter(|prompt| prompt.decide(policy, who).is_ok()).map(Prompt::listed).collect()
}

/// The prompt of a name, if all the tools that it needs are there.
pub(super) fn find(name: &str, policy: &Policy) -> Option<&'static Prompt> {
    PROMPTS
        .iter()
        .find(|prompt| prompt.name == name && prompt.needs().all(|tool| policy.rule(tool).is_some()))
}

impl Prompt {
    /// Decides whether somebody may have it: by whether they may call its tools.
    ///
    /// # Errors
    /// What is missing for the first that they may not call.
    pub(super) fn decide(&self, policy: &Policy, who: &Principal) -> Result<(), Denied> {
        self.needs().try_for_each(|tool| policy.decide(tool, who))
    }

    fn needs(&self) -> impl Iterator<Item = &'static str> {
        self.steps.iter().filter(|step| !step.is_extra).map(|step| step.tool)
    }

    fn listed(&self) -> Listed {
        let argument = |argument: &Argument| {
            PromptArgument::new(argument.name)
                .with_description(argument.description)
                .with_required(argument.is_required)
        };
        let arguments = self.arguments.iter().map(argument).collect();
        Listed::new(self.name, Some(self.description), Some(arguments)).with_title(self.title)
    }

    /// The plan, with these values.
    ///
    /// # Errors
    /// Says what is wrong with them, and what would do.
    pub(super) fn get(
        &self,
        given: Option<&JsonObject>,
        now: jiff::Timestamp,
        may_call: impl Fn(&str) -> bool,
    ) -> Result<GetPromptResult, String> {
        let values = plan::Values::read(self, given)?;
        let text = plan::text(self, &values, now, may_call)?;
        let message = PromptMessage::new_text(Role::User, text);
        Ok(GetPromptResult::new(vec![message]).with_description(self.description))
    }
}

#[cfg(test)]
mod tests;
