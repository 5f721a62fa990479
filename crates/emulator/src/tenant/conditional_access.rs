//! Conditional Access: policies per resource, and what a sign-in must have proven to pass them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::contoso::ARM_APP_ID;

/// A policy. Policies are data: tests add and remove them while the emulator runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The policy's id, which appears in `polids` claims.
    pub id: String,
    /// Application id of the resource it protects. Default: Azure Resource Manager.
    #[serde(default = "arm")]
    pub resource: String,
    /// Short names of the people it is about; empty is everyone.
    #[serde(default)]
    pub people: Vec<String>,
    /// What it demands.
    pub control: Control,
    /// Answer `interaction_required`, as the documentation's example does, and not `invalid_grant`, as live systems do.
    #[serde(default)]
    pub documented_error: bool,
}

/// What a policy demands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Control {
    /// Multi-factor authentication: AADSTS50076 until `amr` holds `mfa`.
    Mfa,
    /// An authentication context: AADSTS50076 until `acrs` holds its id.
    AuthContext {
        /// The context's id, such as `c1`.
        id: String,
    },
    /// A managed device: AADSTS53000. No sign-in of the emulator passes it.
    CompliantDevice,
    /// A block: AADSTS53003.
    Block,
    /// No policy, but something else that stands in the way of these people, by its AADSTS number: a locked account,
    /// another directory's settings, a sign-in that is too old.
    Refusal {
        /// The number.
        number: u32,
    },
}

/// What the sign-in behind a token has proven.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Proof {
    /// Authentication methods (`amr`).
    pub(crate) methods: Vec<String>,
    /// Authentication contexts passed (`acrs`).
    pub(crate) contexts: Vec<String>,
}

/// A demand that was not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unmet {
    pub(crate) code: u32,
    pub(crate) message: String,
    /// The `claims` the client must send to be allowed in; `None` if nothing it can send would help.
    pub(crate) claims: Option<Value>,
    pub(crate) documented_error: bool,
}

impl Policy {
    /// The policy everyone's demo meets: dave needs MFA for Azure Resource Manager.
    pub(crate) fn dave_needs_mfa_for_arm() -> Self {
        Self {
            id: "da4e0000-ca00-4000-8000-00000000000a".to_owned(),
            resource: arm(),
            people: vec!["dave".to_owned()],
            control: Control::Mfa,
            documented_error: false,
        }
    }

    fn concerns(&self, person: &str, resource: &str) -> bool {
        let people = &self.people;
        self.resource == resource && (people.is_empty() || people.iter().any(|name| name == person))
    }

    fn unmet(&self, proof: &Proof) -> Option<Unmet> {
        let polids = || Some(json!({"access_token": {"polids": {"essential": true, "values": [self.id]}}}));
        let (code, message, claims) = match &self.control {
            Control::Mfa if proof.methods.iter().any(|method| method == "mfa") => return None,
            Control::AuthContext { id } if proof.contexts.contains(id) => return None,
            Control::Mfa => (50076, MFA, polids()),
            Control::AuthContext { id } => {
                (50076, MFA, Some(json!({"access_token": {"acrs": {"essential": true, "value": id}}})))
            }
            Control::CompliantDevice => (53000, DEVICE, polids()),
            Control::Block => (53003, BLOCKED, None),
            Control::Refusal { number } => (*number, REFUSED, None),
        };
        let message = message.replace("{resource}", &self.resource);
        Some(Unmet { code, message, claims, documented_error: self.documented_error })
    }
}

const MFA: &str = "Due to a configuration change made by your administrator, or because you moved to a new location, \
                   you must use multi-factor authentication to access '{resource}'.";
const DEVICE: &str = "Device is not in required device state: unmanaged. Conditional Access policy requires a compliant \
                      device, and the device is not compliant.";
const REFUSED: &str = "The request was refused.";
const BLOCKED: &str = "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.";

/// The first demand on this person for this resource that `proof` does not meet; blocks come first, as nothing helps.
pub(crate) fn evaluate(
    policies: &[Policy],
    person: &str,
    resource: &str,
    proof: &Proof,
) -> Result<(), Unmet> {
    let mut unmet: Vec<_> = policies
        .iter()
        .filter(|policy| policy.concerns(person, resource))
        .filter_map(|p| p.unmet(proof))
        .collect();
    unmet.sort_by_key(|unmet| unmet.claims.is_some());
    unmet.into_iter().next().map_or(Ok(()), Err)
}

/// What a `claims` parameter asks a sign-in to prove.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ClaimsRequest {
    /// The client can handle continuous access evaluation.
    pub(crate) cp1: bool,
    /// Multi-factor authentication is asked for, by way of a policy id.
    pub(crate) mfa: bool,
    /// Authentication contexts asked for.
    pub(crate) contexts: Vec<String>,
}

impl ClaimsRequest {
    /// Reads the JSON text of a `claims` parameter; unknown members mean nothing, as to Entra.
    ///
    /// # Errors
    /// `()` if the text is not a JSON object.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, ()> {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Self::default()) };
        let claims: serde_json::Map<String, Value> = serde_json::from_str(text).map_err(|_| ())?;
        let Some(wanted) = claims.get("access_token") else { return Ok(Self::default()) };
        let values = |name: &str| strings(&wanted[name]);
        Ok(Self {
            cp1: values("xms_cc").iter().any(|value| value.eq_ignore_ascii_case("cp1")),
            mfa: !values("polids").is_empty(),
            contexts: values("acrs"),
        })
    }
}

/// The strings of `{"value": …}` or `{"values": […]}`.
fn strings(request: &Value) -> Vec<String> {
    let many = request["values"].as_array().into_iter().flatten();
    many.chain([&request["value"]]).filter_map(Value::as_str).map(str::to_owned).collect()
}

fn arm() -> String {
    ARM_APP_ID.to_owned()
}

#[cfg(test)]
mod tests {
    use super::{ClaimsRequest, Control, Policy, Proof, evaluate};
    use crate::tenant::contoso::ARM_APP_ID;

    #[test]
    fn mfa_is_met_by_amr_and_asked_for_by_polids() {
        let policies = [Policy::dave_needs_mfa_for_arm()];
        let unmet = evaluate(&policies, "dave", ARM_APP_ID, &Proof::default()).unwrap_err();
        assert_eq!(unmet.code, 50076);
        let asked = ClaimsRequest::parse(Some(&unmet.claims.unwrap().to_string())).unwrap();
        assert!(asked.mfa);

        let proof = Proof { methods: vec!["pwd".into(), "mfa".into()], contexts: vec![] };
        assert_eq!(evaluate(&policies, "dave", ARM_APP_ID, &proof), Ok(()));
        assert_eq!(evaluate(&policies, "alice", ARM_APP_ID, &Proof::default()), Ok(()));
    }

    #[test]
    fn a_block_is_reported_before_what_could_be_cured() {
        let block = Policy { control: Control::Block, ..Policy::dave_needs_mfa_for_arm() };
        let policies = [Policy::dave_needs_mfa_for_arm(), block];
        assert_eq!(evaluate(&policies, "dave", ARM_APP_ID, &Proof::default()).unwrap_err().code, 53003);
    }

    #[test]
    fn claims_requests_of_msal_are_read() {
        let node = r#"{"id_token":{"login_hint":{"essential":false}},"access_token":{"nbf":{"essential":true,"value":"1"},"xms_cc":{"values":["CP1"]},"acrs":{"value":"c1"}}}"#;
        let asked = ClaimsRequest::parse(Some(node)).unwrap();
        assert_eq!(asked, ClaimsRequest { cp1: true, mfa: false, contexts: vec!["c1".into()] });
        assert!(ClaimsRequest::parse(Some("nonsense")).is_err());
    }
}
