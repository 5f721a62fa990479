//! `list_dimensions`: what costs can be grouped and filtered by, and the values there are.

use std::collections::{BTreeMap, BTreeSet};

use cost::{Dimension, Grouping, Scope, nearest, quoted};
use futures::future::join_all;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::ask::dimension::title;
use super::ask::question::DimensionsInput;
use super::run::all_failed;
use super::scopes::{Scopes, called};
use super::told::{MOST_BYTES, MOST_TEXT, More, Partial, length, missing};
use crate::mcp::answer::{Answer, Failure, ToolError};
use crate::mcp::context::ToolContext;
use crate::mcp::foreign;
use crate::mcp::registry::Definition;

/// The tool.
pub(in crate::mcp) struct ListDimensions;

/// Dimensions, or the values of one.
#[derive(JsonSchema, Serialize)]
pub(in crate::mcp) struct Output {
    /// The dimensions, with their first values.
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<Vec<OneDimension>>,
    /// The keys of tags: grouped and filtered by as tag:KEY.
    #[serde(skip_serializing_if = "Option::is_none")]
    tag_keys: Option<Vec<String>>,
    /// The dimension that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    dimension: Option<String>,
    /// Its values.
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Vec<String>>,
    /// How many values, or dimensions and tag keys, there are.
    total: usize,
    /// The scopes that answered.
    scopes: Vec<String>,
    /// Those that did not.
    partial: Vec<Partial>,
    /// Whether a list of Azure's goes on after what is read of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    /// What a reader must know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// What did not fit in.
    #[serde(skip_serializing_if = "Option::is_none")]
    more: Option<More>,
}

/// A dimension.
#[derive(JsonSchema, Serialize)]
struct OneDimension {
    name: String,
    /// The first of them.
    values: Vec<String>,
    /// How many values there are, if all are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
}

impl Definition for ListDimensions {
    const NAME: &'static str = "list_dimensions";
    const SLOW: bool = true;
    const TITLE: &'static str = "List dimensions and tags";
    const DESCRIPTION: &'static str = "What costs can be grouped and filtered by: the dimensions of the agreement with their first values, and the keys of \
        tags; or all values of one dimension. Takes no cost quota.";
    type Input = DimensionsInput;
    type Output = Output;

    async fn call(context: ToolContext, input: DimensionsInput) -> Result<Answer<Output>, Failure> {
        let scopes = Scopes::resolve(&context, &input.scopes).await?;
        match &input.dimension {
            None => every(&context, &input, scopes).await,
            Some(Grouping::Dimension(name)) => values_of(&context, &input, scopes, name).await,
            Some(Grouping::Tag(key)) => Err(ToolError::new(
                "invalid_query",
                format!(
                    "Azure lists the keys of tags, and not their values. Ask cost_query with \"group_by\": \"tag:{}\": it has \
                     each value with its cost.",
                    foreign::name(key)
                ),
            )
            .into()),
        }
    }
}

/// How many scopes are asked at once.
const AT_ONCE: usize = 5;

/// What each scope says, and those that say nothing.
async fn of_each<'a, T, F>(
    scopes: &'a Scopes,
    ask: impl Fn(&'a Scope) -> F,
) -> Result<(Vec<(&'a Scope, T)>, Vec<Partial>), Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let (mut told, mut failed) = (Vec::new(), scopes.unseen.clone());
    for some in scopes.all.chunks(AT_ONCE) {
        for (scope, outcome) in some.iter().zip(join_all(some.iter().map(&ask)).await) {
            match outcome {
                Ok(said) => told.push((scope, said)),
                Err(Failure::Tool(error)) => failed.push(scopes.failed(scope, *error)),
                Err(refused) => return Err(refused),
            }
        }
    }
    if told.is_empty() {
        return Err(all_failed(failed));
    }
    Ok((told, failed.iter().map(Partial::from).collect()))
}

async fn every(
    context: &ToolContext,
    input: &DimensionsInput,
    mut scopes: Scopes,
) -> Result<Answer<Output>, Failure> {
    let ask = |scope| async move {
        let (dimensions, keys) = futures::join!(context.dimensions(scope), context.tag_keys(scope));
        Ok((dimensions?, keys?))
    };
    let (told, partial) = of_each(&scopes, ask).await?;
    let mut keys = BTreeSet::new();
    let mut dimensions: Vec<Dimension> = Vec::new();
    let (mut answered, mut truncated) = (Vec::new(), Vec::new());
    for (scope, (of_scope, keys_of_scope)) in told {
        answered.push(scope.to_string());
        truncated.extend(keys_of_scope.truncated.then(|| goes_on(scope, "tag keys")));
        keys.extend(keys_of_scope.keys);
        for dimension in of_scope {
            merge(&mut dimensions, dimension);
        }
    }
    let holds = |text: &str| {
        input.search.as_ref().is_none_or(|search| text.to_lowercase().contains(&search.trim().to_lowercase()))
    };
    dimensions
        .retain(|dimension| holds(&dimension.name) || dimension.values.iter().any(|value| holds(value)));
    keys.retain(|key| holds(key));
    let around = Around::new(answered, partial, &mut scopes, truncated);
    Ok(catalogue(&dimensions, &keys.into_iter().collect::<Vec<_>>(), input, &around))
}

/// Says that a list of Azure's was not read to its end, and where all of what is wanted can be had.
fn goes_on(scope: &Scope, what: &str) -> String {
    format!(
        "Azure's list of {what} at {} goes on after what is here, which is as far as it is read: some are missing. Ask for a \
         narrower scope, such as a resource group.",
        called(scope)
    )
}

/// A dimension of another scope: its values beside those that are known.
fn merge(all: &mut Vec<Dimension>, dimension: Dimension) {
    let Some(known) = all.iter_mut().find(|known| known.name.eq_ignore_ascii_case(&dimension.name)) else {
        return all.push(dimension);
    };
    let was_whole =
        known.total <= known.values.len() as u64 && dimension.total <= dimension.values.len() as u64;
    for value in dimension.values {
        if !known.values.iter().any(|there| there.to_lowercase() == value.to_lowercase()) {
            known.values.push(value);
        }
    }
    let least = known.total.max(dimension.total);
    known.total =
        if was_whole { known.values.len() as u64 } else { least.max(known.values.len() as u64 + 1) };
}

/// What stands around a list.
struct Around<'a> {
    answered: Vec<String>,
    partial: Vec<Partial>,
    scopes: &'a Scopes,
    truncated: bool,
}

impl<'a> Around<'a> {
    /// What is `truncated` is noted.
    fn new(
        answered: Vec<String>,
        partial: Vec<Partial>,
        scopes: &'a mut Scopes,
        truncated: Vec<String>,
    ) -> Self {
        let is_truncated = !truncated.is_empty();
        scopes.notes.extend(truncated);
        Self { answered, partial, scopes, truncated: is_truncated }
    }

    /// The text and the data without the list.
    fn begin(&self, sentence: String) -> (String, Output) {
        let mut lines = vec![sentence];
        lines.extend(missing(&self.partial));
        lines.extend(self.scopes.notes.iter().map(|note| foreign::message(note)));
        let output = Output {
            dimensions: None,
            tag_keys: None,
            dimension: None,
            values: None,
            total: 0,
            scopes: self.answered.iter().map(|path| foreign::exact(path)).collect(),
            partial: self.partial.clone(),
            truncated: self.truncated,
            notes: self.scopes.notes.clone(),
            more: None,
        };
        (lines.join("\n"), output)
    }
}

/// Room for what is said of what does not fit in, in bytes.
const MORE: usize = 2_000;

/// An entry of the list of dimensions and keys.
enum Entry<'a> {
    Dimension(&'a Dimension),
    Key(&'a str),
}

fn catalogue(
    dimensions: &[Dimension],
    keys: &[String],
    input: &DimensionsInput,
    around: &Around<'_>,
) -> Answer<Output> {
    let total = dimensions.len() + keys.len();
    let entries = dimensions.iter().map(Entry::Dimension).chain(keys.iter().map(|key| Entry::Key(key)));
    let (mut text, mut output) = around.begin(format!(
        "{}: costs can be grouped and filtered by {} dimensions and {} tags.",
        around.scopes.title,
        dimensions.len(),
        keys.len()
    ));
    let mut data = length(&output) + MORE;
    let (mut shown, mut tags) = (Vec::new(), Vec::new());
    let mut count = input.skip.min(total);
    for entry in entries.skip(count) {
        let (line, bytes) = match entry {
            Entry::Dimension(dimension) => {
                let one = one(dimension);
                let line = line_of(&one);
                let bytes = length(&one) + 1;
                shown.push(one);
                (line, bytes)
            }
            Entry::Key(key) => {
                let line = format!("\n- {}", foreign::name(&title(&Grouping::Tag(key.to_owned()))));
                tags.push(foreign::exact(key));
                (line, length(&key) + 1)
            }
        };
        let full = text.len() + line.len() + MORE / 4 > MOST_TEXT
            || text.len() + line.len() + data + bytes > MOST_BYTES;
        if full && shown.len() + tags.len() > 1 {
            match entry {
                Entry::Dimension(_) => drop(shown.pop()),
                Entry::Key(_) => drop(tags.pop()),
            }
            break;
        }
        text.push_str(&line);
        data += bytes;
        count += 1;
    }
    (output.dimensions, output.tag_keys, output.total) = (Some(shown), Some(tags), total);
    text.push_str(&rest(&mut output, input, count, total));
    Answer { text, data: output }
}

/// The most values of each dimension, where all dimensions are listed.
const FIRST_VALUES: usize = 5;

fn one(dimension: &Dimension) -> OneDimension {
    OneDimension {
        name: foreign::exact(&dimension.name),
        values: dimension.values.iter().take(FIRST_VALUES).map(|value| foreign::exact(value)).collect(),
        total: Some(dimension.total),
    }
}

fn line_of(dimension: &OneDimension) -> String {
    const SHOWN: usize = 3;
    let values: Vec<_> =
        dimension.values.iter().take(SHOWN).map(|value| foreign::name(&cost::visible(value, 40))).collect();
    let more = if dimension.values.len() > SHOWN { ", …" } else { "" };
    let values = if values.is_empty() { String::new() } else { format!(": {}{more}", values.join(", ")) };
    format!("\n- {}{values}", foreign::name(&dimension.name))
}

/// Notes what was left out; a sentence about it.
fn rest(output: &mut Output, input: &DimensionsInput, next: usize, total: usize) -> String {
    if next >= total {
        return String::new();
    }
    let left = total - next;
    output.more = Some(More::new(left, Vec::new(), &input.given, &[("skip", json!(next))]));
    format!("\n{left} more: the same call with \"skip\": {next} gets them.")
}

async fn values_of(
    context: &ToolContext,
    input: &DimensionsInput,
    mut scopes: Scopes,
    name: &str,
) -> Result<Answer<Output>, Failure> {
    let search = input.search.as_deref();
    let ask = |scope| context.dimension_values(scope, name, search);
    let (told, partial) = of_each(&scopes, ask).await?;
    let answered = told.iter().map(|(scope, _)| scope.to_string()).collect();
    let of = format!("values of {}", foreign::name(name));
    let truncated: Vec<_> =
        told.iter().filter(|(_, found)| found.truncated).map(|(scope, _)| goes_on(scope, &of)).collect();
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    for (_, dimension) in told {
        for value in dimension.values.into_iter().filter(|value| !value.is_empty()) {
            values.entry(value.to_lowercase()).or_insert(value);
        }
    }
    let values: Vec<_> = values.into_values().collect();
    if values.is_empty() && search.is_none() {
        check_name(context, &scopes, name).await?;
    }
    Ok(list(name, &values, input, &Around::new(answered, partial, &mut scopes, truncated)))
}

/// Refuses a dimension that the agreements have not.
async fn check_name(context: &ToolContext, scopes: &Scopes, name: &str) -> Result<(), Failure> {
    const NAMED: usize = 5;
    let (told, _) = of_each(scopes, |scope| context.dimensions(scope)).await?;
    let names: Vec<_> =
        told.iter().flat_map(|(_, of_scope)| of_scope).map(|dimension| dimension.name.as_str()).collect();
    if names.is_empty() || names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    let few = quoted(nearest(name, names.iter().copied(), NAMED));
    let detail = format!("The agreement behind this scope has no '{name:.60}'; the nearest are {few}.");
    Err(ToolError::new("invalid_query", foreign::message(&detail)).into())
}

fn list(name: &str, values: &[String], input: &DimensionsInput, around: &Around<'_>) -> Answer<Output> {
    let of = input
        .search
        .as_deref()
        .map(|search| format!(" that hold {}", foreign::name(search)))
        .unwrap_or_default();
    let called = foreign::name(name);
    let (mut text, mut output) =
        around.begin(format!("{}: {} values of {called}{of}.", around.scopes.title, values.len()));
    let mut data = length(&output) + MORE;
    let mut shown = Vec::new();
    let mut count = input.skip.min(values.len());
    for value in &values[count..] {
        let line = format!("\n- {}", foreign::message(value));
        let bytes = length(value) + 1;
        let full = text.len() + line.len() + MORE / 4 > MOST_TEXT
            || text.len() + line.len() + data + bytes > MOST_BYTES;
        if full && !shown.is_empty() {
            break;
        }
        text.push_str(&line);
        shown.push(foreign::exact(value));
        data += bytes;
        count += 1;
    }
    (output.dimension, output.values, output.total) = (Some(name.to_owned()), Some(shown), values.len());
    text.push_str(&rest(&mut output, input, count, values.len()));
    Answer { text, data: output }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_goes_on_is_told_with_what_to_do() {
        let prod: Scope = "/subscriptions/10000000-0000-4000-8000-000000000001".parse().unwrap();
        let input: DimensionsInput = serde_json::from_value(json!({})).unwrap();
        for said in [Vec::new(), vec![goes_on(&prod, "tag keys")]] {
            let is_truncated = !said.is_empty();
            let mut scopes = Scopes::known(vec![prod.clone()], Vec::new());
            let around = Around::new(vec![prod.to_string()], Vec::new(), &mut scopes, said);
            for Answer { text, data } in
                [catalogue(&[], &["env".to_owned()], &input, &around), list("Meter", &[], &input, &around)]
            {
                let data = serde_json::to_value(data).unwrap();
                assert_eq!(data.get("truncated"), is_truncated.then_some(&json!(true)), "{data}");
                assert_eq!(
                    text.contains("Azure's list of tag keys at subscription 1"),
                    is_truncated,
                    "{text}"
                );
                assert_eq!(text.contains("Ask for a narrower scope"), is_truncated, "{text}");
            }
        }
    }
}
