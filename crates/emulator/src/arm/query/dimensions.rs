//! The dimensions costs can be grouped and filtered by.

use super::scope::QueryScope;
use crate::arm::errors::ArmError;

/// Whether the scope has a dimension of this name, without regard to case.
///
/// # Errors
/// 400 with all that it has, in the service's words: <https://github.com/mivano/azure-cost-cli/issues/25>.
pub(super) fn check(scope: &QueryScope, name: &str, place: &str) -> Result<(), ArmError> {
    let has = |known: &&str| scope.has_resources() || *known != "ResourceId";
    let known: Vec<_> = scope.agreement.dimensions().iter().copied().filter(has).collect();
    if known.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    let valid = known.join("','");
    Err(ArmError::bad_request(format!(
        "Invalid query definition: Invalid dataset {place}: '{name}'; valid values: '{valid}',''.\r\n\r\n"
    )))
}
