//! A prompt with its values, as the text that an assistant works by.

use std::collections::BTreeMap;

use cost::visible;
use jiff::Timestamp;
use rmcp::model::JsonObject;
use serde_json::{Map, Value, json};

use super::{Prompt, Step, Units};
use crate::mcp::answer::Failure;
use crate::mcp::tools::query_units;

/// The longest value. The longest scope there can be is shorter.
const MOST: usize = 400;

/// What a person said, and what counts where they did not.
pub(super) struct Values(BTreeMap<&'static str, String>);

impl Values {
    /// # Errors
    /// Says what is missing, or what is none of the prompt's arguments.
    pub(super) fn read(prompt: &Prompt, given: Option<&JsonObject>) -> Result<Self, String> {
        let mut values = BTreeMap::new();
        for (name, value) in given.into_iter().flatten() {
            let Some(argument) = prompt.arguments.iter().find(|argument| argument.name == name) else {
                let names: Vec<_> = prompt.arguments.iter().map(|argument| argument.name).collect();
                return Err(format!(
                    "{} has no argument '{}'; it has: {}",
                    prompt.name,
                    visible(name, 40),
                    names.join(", ")
                ));
            };
            let text = match value {
                Value::String(text) => text.trim().to_owned(),
                Value::Number(number) => number.to_string(),
                Value::Null => continue,
                _ => return Err(format!("'{}' is a text", argument.name)),
            };
            if text.len() > MOST {
                return Err(format!("'{}' is longer than {MOST} bytes", argument.name));
            }
            if !text.is_empty() {
                values.insert(argument.name, text);
            }
        }
        for argument in prompt.arguments {
            if values.contains_key(argument.name) {
                continue;
            }
            if argument.is_required {
                return Err(format!("'{}' is missing: {}", argument.name, argument.description));
            }
            if !argument.otherwise.is_empty() {
                values.insert(argument.name, argument.otherwise.to_owned());
            }
        }
        Ok(Self(values))
    }

    /// A text with its `{name}`s replaced; `None` where one has no value. What a value holds is not looked at again.
    fn put_into(&self, text: &str) -> Option<String> {
        let mut whole = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let (name, after) = behind.split_once('}')?;
            whole.push_str(before);
            whole.push_str(self.0.get(name)?);
            rest = after;
        }
        whole.push_str(rest);
        Some(whole)
    }

    fn fill(&self, value: Value) -> Option<Value> {
        match value {
            Value::String(text) => self.put_into(&text).map(Value::String),
            Value::Array(items) => {
                let items: Vec<_> = items.into_iter().filter_map(|item| self.fill(item)).collect();
                (!items.is_empty()).then_some(Value::Array(items))
            }
            Value::Object(members) => {
                let member =
                    |(name, value): (String, Value)| Some((self.put_into(&name)?, self.fill(value)?));
                Some(Value::Object(members.into_iter().filter_map(member).collect::<Map<_, _>>()))
            }
            other => Some(other),
        }
    }
}

/// The plan: each call with what it takes, and what to make of the answers. A call that the person may not make is left out.
///
/// # Errors
/// Says which value a tool would not take, in that tool's words.
pub(super) fn text(
    prompt: &Prompt,
    values: &Values,
    now: Timestamp,
    may_call: impl Fn(&str) -> bool,
) -> Result<String, String> {
    let mut lines = vec![
        format!("{} Make these calls of this server, in this order:", prompt.description),
        String::new(),
    ];
    let mut sum = 0;
    let steps = prompt.steps.iter().filter(|step| !step.is_extra || may_call(step.tool));
    for (number, step) in steps.enumerate() {
        let arguments = step.filled(values);
        let units = step.units(&arguments, now)?;
        sum += units;
        lines.push(format!("{}. {} {arguments}", number + 1, step.tool));
        lines.push(format!("   {} {}", step.why, in_words(units, !matches!(step.units, Units::Planned))));
    }
    lines.push(String::new());
    lines.push(format!(
        "Together they take {} of each subscription or other scope; what was answered before takes none. If an answer says pending, \
         wait as it says and make the same call again. If it has partial, name what is missing. If it has more, get it only where it \
         matters.",
        in_words(sum, true).trim_end_matches('.')
    ));
    lines.push(String::new());
    lines.push(prompt.then.to_owned());
    Ok(lines.join("\n"))
}

fn in_words(units: u32, at_most: bool) -> String {
    let most = if at_most { "at most " } else { "" };
    match units {
        0 => "no query units.".to_owned(),
        1 => format!("{most}1 query unit."),
        units => format!("{most}{units} query units."),
    }
}

impl Step {
    #[expect(clippy::expect_used, reason = "it is of the table, and a test reads each")]
    fn filled(&self, values: &Values) -> Value {
        let template = serde_json::from_str(self.arguments).expect("JSON");
        values.fill(template).unwrap_or_default()
    }

    fn units(&self, arguments: &Value, now: Timestamp) -> Result<u32, String> {
        let planned = |tool, arguments| {
            query_units(tool, arguments, now).map_err(|failure| match failure {
                Failure::Tool(error) => error.detail().to_owned(),
                other => other.code().into_owned(),
            })
        };
        match self.units {
            Units::AtMost(units) => Ok(units),
            Units::Planned => planned(self.tool, arguments),
            Units::ByPeriod(times) => {
                Ok(times * planned("cost_query", &json!({"period": arguments["period"]}))?)
            }
        }
    }
}
