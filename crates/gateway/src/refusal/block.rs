//! What blocks a person for good, as the broker tells it: each has somebody else who can mend it.

use proto::status::Block;

/// What is said to the person. `correlation_id` is where an administrator finds the refusal: the exchange is not one of the
/// sign-ins that the log shows first.
pub(super) fn detail(block: Block, correlation_id: Option<&str>) -> String {
    let detail = words(block);
    match correlation_id {
        Some(id) => format!(
            "{detail} (Entra ID, Sign-in logs, User sign-ins (non-interactive), this server's application, correlation ID {id})"
        ),
        None => detail.to_owned(),
    }
}

const fn words(block: Block) -> &'static str {
    match block {
        Block::Policy => {
            "your organisation's Conditional Access policy blocks this sign-in (for example by location or device; a policy by location may have judged the address that this server itself speaks from, not yours); trying again does not help, ask your administrator"
        }
        Block::Device => {
            "your organisation's Conditional Access policy asks for another device (managed or compliant) or for an approved application; signing in again from here does not help: use such a device, or ask your administrator"
        }
        Block::NotAssigned => {
            "this server is for assigned people only, and you are not among them; an administrator assigns you in Entra ID, Enterprise applications, Users and groups"
        }
        Block::Account => {
            "your account is disabled, or does not exist in this organisation's directory; ask your administrator"
        }
        Block::Locked => {
            "your account is locked after failed sign-ins, or was used from an address known for attacks; wait some minutes before you sign in again, and if it stays so ask your administrator, who sees in Entra ID's sign-in log which of the two it is"
        }
        Block::HomeTenant => {
            "your own organisation does not let you into this one; an administrator of your home directory allows it in Entra ID, External Identities, Cross-tenant access settings, Outbound access"
        }
        Block::ResourceTenant => {
            "this organisation does not let you in as a guest; an administrator of this server's directory allows it in Entra ID, External Identities, Cross-tenant access settings, Inbound access"
        }
    }
}
