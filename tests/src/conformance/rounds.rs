//! Tools and a prompt that ask back by way of the answer (SEP-2322, since 2026-07-28): the client calls again with
//! its inputs and the state it was given, so that no server need remember the first round.

use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, GetPromptRequestParams,
    GetPromptResponse, InputRequiredResult, InputResponses,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::{Map, Value, json};

use super::fixtures::{self, from_json};

/// Proves that a state that comes back is one that was given out: clients can change it at will.
pub(super) struct Seal(hmac::Key);

impl Seal {
    pub(super) fn new() -> Self {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new());
        Self(key.expect("the system has random numbers"))
    }

    fn close(&self, state: &str) -> String {
        let tag = hmac::sign(&self.0, state.as_bytes());
        format!("{state}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    fn open<'a>(&self, sealed: &'a str) -> Result<&'a str, ErrorData> {
        let opened = || {
            let (state, tag) = sealed.rsplit_once('.')?;
            let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
            hmac::verify(&self.0, state.as_bytes(), &tag).ok()?;
            Some(state)
        };
        opened().ok_or_else(|| ErrorData::invalid_params("requestState is not one that was given out", None))
    }
}

/// The answer of this round, if the tool is one of this module.
pub(super) fn call(
    seal: &Seal,
    request: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Option<Result<CallToolResponse, ErrorData>> {
    let round = Round { answers: request.input_responses.as_ref() };
    let state = || request.request_state.as_deref().map(|sealed| seal.open(sealed)).transpose();
    let next = match &*request.name {
        "test_input_required_result_elicitation" | "test_streaming_elicitation" => {
            round.or_ask(&[name_question()], None, "Hello!")
        }
        "test_input_required_result_sampling" => round.or_ask(&[sampling_question()], None, "Thank you."),
        "test_input_required_result_list_roots" => round.or_ask(&[roots_question()], None, "Thank you."),
        "test_input_required_result_multiple_inputs" => {
            let questions = [name_question(), sampling_question(), roots_question()];
            round.or_ask(&questions, Some(seal.close("all three")), "Thank you.")
        }
        "test_input_required_result_request_state" | "test_input_required_result_tampered_state" => {
            match state() {
                Ok(Some("confirm")) => round.or_ask(&[confirm_question()], None, "state-ok"),
                Ok(_) => ask(&[confirm_question()], Some(seal.close("confirm"))),
                Err(error) => return Some(Err(error)),
            }
        }
        "test_input_required_result_multi_round" => match state() {
            Ok(Some("round 1")) if round.answered("step1") => {
                ask(&[text_question("step2", "color")], Some(seal.close("round 2")))
            }
            Ok(Some("round 2")) if round.answered("step2") => complete("Thank you."),
            Ok(_) => ask(&[text_question("step1", "name")], Some(seal.close("round 1"))),
            Err(error) => return Some(Err(error)),
        },
        "test_input_required_result_capabilities" => {
            let can = context.client_capabilities().unwrap_or_default();
            let name = can.elicitation.is_some().then(name_question);
            let capital = can.sampling.is_some().then(sampling_question);
            let questions: Vec<_> = name.into_iter().chain(capital).collect();
            round.or_ask(&questions, None, "Thank you.")
        }
        _ => return None,
    };
    Some(Ok(next))
}

/// The same for a prompt.
pub(super) fn prompt(request: &GetPromptRequestParams) -> Option<GetPromptResponse> {
    if request.name != "test_input_required_result_prompt" {
        return None;
    }
    let round = Round { answers: request.input_responses.as_ref() };
    if !round.answered("user_context") {
        return Some(input_required(&[text_question("user_context", "context")], None).into());
    }
    let message = json!({"role": "user", "content": {"type": "text", "text": "A prompt with context."}});
    Some(GetPromptResponse::Complete(fixtures::complete(json!({"messages": [message]}))))
}

/// What the client brought to this round.
struct Round<'a> {
    answers: Option<&'a InputResponses>,
}

impl Round<'_> {
    /// Whether the client replied, with an object: each kind of reply is one.
    fn answered(&self, key: &str) -> bool {
        self.answers.and_then(|answers| answers.get(key)).is_some_and(Value::is_object)
    }

    /// Completes the call if every question is answered. Answers to nothing are ignored.
    fn or_ask(&self, questions: &[Question], state: Option<String>, text: &str) -> CallToolResponse {
        if !questions.is_empty() && questions.iter().all(|(key, _)| self.answered(key)) {
            return complete(text);
        }
        ask(questions, state)
    }
}

type Question = (&'static str, Value);

fn name_question() -> Question {
    text_question("user_name", "name")
}

fn text_question(key: &'static str, property: &str) -> Question {
    elicitation(key, "Please tell", property, "string")
}

fn confirm_question() -> Question {
    elicitation("confirm", "Please confirm", "ok", "boolean")
}

fn elicitation(key: &'static str, message: &str, property: &str, kind: &str) -> Question {
    let schema = json!({"type": "object", "properties": {property: {"type": kind}}, "required": [property]});
    let params = json!({"mode": "form", "message": message, "requestedSchema": schema});
    (key, json!({"method": "elicitation/create", "params": params}))
}

fn sampling_question() -> Question {
    let question = json!({"type": "text", "text": "What is the capital of France?"});
    let params = json!({"messages": [{"role": "user", "content": question}], "maxTokens": 100});
    ("capital_question", json!({"method": "sampling/createMessage", "params": params}))
}

fn roots_question() -> Question {
    ("client_roots", json!({"method": "roots/list", "params": {}}))
}

fn ask(questions: &[Question], state: Option<String>) -> CallToolResponse {
    input_required(questions, state).into()
}

fn input_required(questions: &[Question], state: Option<String>) -> InputRequiredResult {
    let questions: Map<_, _> =
        questions.iter().map(|(key, request)| ((*key).to_owned(), request.clone())).collect();
    InputRequiredResult::new(Some(from_json(Value::Object(questions))), state)
}

fn complete(text: &str) -> CallToolResponse {
    CallToolResult::success(vec![ContentBlock::text(text)]).into()
}
