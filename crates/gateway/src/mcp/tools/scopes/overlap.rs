//! Scopes that lie within others. What a path says is known at once; what is within a management group or a billing scope is
//! known by its subscriptions.

use std::collections::BTreeSet;

use cost::{BillingPart, Scope, SubscriptionId};

/// A scope that is left out, because another one holds it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Inside {
    pub(super) part: Scope,
    pub(super) whole: Scope,
}

/// Two scopes that cannot be asked together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Clash {
    pub(super) one: Scope,
    pub(super) other: Scope,
    /// Whether it is known that they have costs in common.
    pub(super) known: bool,
}

/// Leaves out what is named twice, and what lies within another by its path.
pub(super) fn by_path(scopes: Vec<Scope>) -> (Vec<Scope>, Vec<Inside>) {
    without(scopes, holds)
}

/// Leaves out what is named twice, and resource groups whose subscription is named: its lists have what is theirs.
pub(super) fn by_list(scopes: Vec<Scope>) -> (Vec<Scope>, Vec<Inside>) {
    without(scopes, |whole, part| matches!(whole, Scope::Subscription(_)) && holds(whole, part))
}

fn without(scopes: Vec<Scope>, holds: fn(&Scope, &Scope) -> bool) -> (Vec<Scope>, Vec<Inside>) {
    let mut each: Vec<Scope> = Vec::new();
    for scope in scopes {
        if !each.iter().any(|known| is_same(known, &scope)) {
            each.push(scope);
        }
    }
    let mut inside = Vec::new();
    let kept = each.iter().filter(|part| {
        let whole = each.iter().find(|whole| holds(whole, part));
        inside.extend(whole.map(|whole| Inside { part: (*part).clone(), whole: whole.clone() }));
        whole.is_none()
    });
    (kept.cloned().collect(), inside)
}

/// Leaves out what lies within another by the subscriptions in it; `members` of each scope, in their order.
pub(super) fn by_members(
    scopes: Vec<Scope>,
    members: &[Option<BTreeSet<SubscriptionId>>],
) -> Result<(Vec<Scope>, Vec<Inside>), Box<Clash>> {
    let all: Vec<_> = scopes.iter().zip(members.iter().map(Option::as_ref)).collect();
    let mut gone = BTreeSet::new();
    let mut inside = Vec::new();
    for (at, whole) in all.iter().enumerate().filter(|(_, (scope, _))| super::is_wide(scope)) {
        for (index, part) in all.iter().enumerate() {
            if at == index || gone.contains(&at) || gone.contains(&index) {
                continue;
            }
            if relation(*whole, *part)? == Relation::Holds {
                gone.insert(index);
                inside.push(Inside { part: part.0.clone(), whole: whole.0.clone() });
            }
        }
    }
    let kept = scopes.into_iter().enumerate().filter(|(index, _)| !gone.contains(index));
    Ok((kept.map(|(_, scope)| scope).collect(), inside))
}

#[derive(PartialEq, Eq)]
enum Relation {
    Holds,
    /// Nothing in common, or seen from the other side.
    Else,
}

type Known<'a> = (&'a Scope, Option<&'a BTreeSet<SubscriptionId>>);

/// How a wide scope is to another one.
fn relation((whole, members): Known<'_>, (part, of_part): Known<'_>) -> Result<Relation, Box<Clash>> {
    let clash = |known| Box::new(Clash { one: whole.clone(), other: part.clone(), known });
    if let Some(subscription) = part.subscription() {
        let members = members.ok_or_else(|| clash(false))?;
        return Ok(if members.contains(&subscription) { Relation::Holds } else { Relation::Else });
    }
    if are_apart(whole, part) {
        return Ok(Relation::Else);
    }
    let (members, of_part) = members.zip(of_part).ok_or_else(|| clash(false))?;
    // A billing scope has costs of no subscription too: what holds its subscriptions does not hold it.
    let can_be_held = |scope: &Scope| matches!(scope, Scope::ManagementGroup(_));
    if members.is_disjoint(of_part) {
        Ok(Relation::Else)
    } else if can_be_held(part) && of_part.is_subset(members) {
        Ok(Relation::Holds)
    } else if can_be_held(whole) && members.is_subset(of_part) {
        Ok(Relation::Else)
    } else {
        Err(clash(true))
    }
}

/// Billing scopes that have nothing in common: of different accounts, or of one kind in one account.
fn are_apart(one: &Scope, other: &Scope) -> bool {
    let (Scope::Billing { account: a, part: one }, Scope::Billing { account: b, part: other }) = (one, other)
    else {
        return false;
    };
    let of_profiles =
        |part: &BillingPart| matches!(part, BillingPart::Profile(_) | BillingPart::InvoiceSection { .. });
    !same_text(a.as_str(), b.as_str())
        || std::mem::discriminant(one) == std::mem::discriminant(other)
        || (of_profiles(one) && of_profiles(other))
}

/// Whether one path holds the other.
fn holds(whole: &Scope, part: &Scope) -> bool {
    match (whole, part) {
        (Scope::Subscription(id), Scope::ResourceGroup { subscription, .. }) => id == subscription,
        (Scope::Billing { account: a, part: whole }, Scope::Billing { account: b, part }) => {
            let in_account = same_text(a.as_str(), b.as_str());
            in_account
                && match (whole, part) {
                    (BillingPart::Whole, part) => *part != BillingPart::Whole,
                    (BillingPart::Profile(id), BillingPart::InvoiceSection { profile, .. }) => {
                        same_text(id.as_str(), profile.as_str())
                    }
                    _ => false,
                }
        }
        _ => false,
    }
}

/// Names in a path ignore case.
fn is_same(one: &Scope, other: &Scope) -> bool {
    same_text(&one.to_string(), &other.to_string())
}

fn same_text(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "/subscriptions/10000000-0000-4000-8000-00000000000a";
    const B: &str = "/subscriptions/10000000-0000-4000-8000-00000000000b";
    const ACCOUNT: &str = "/providers/Microsoft.Billing/billingAccounts/100";
    const GROUP: &str = "/providers/Microsoft.Management/managementGroups/";

    fn scopes(paths: &[&str]) -> Vec<Scope> {
        paths.iter().map(|path| path.parse().unwrap()).collect()
    }

    fn paths(scopes: &[Scope]) -> Vec<String> {
        scopes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_a_path_holds_is_left_out() {
        let web = format!("{A}/resourceGroups/web");
        let other = format!("{B}/resourceGroups/web");
        let profile = format!("{ACCOUNT}/billingProfiles/p");
        let section = format!("{profile}/invoiceSections/s");
        let elsewhere = "/providers/Microsoft.Billing/billingAccounts/200/billingProfiles/p";
        for (asked, kept, left) in [
            (&[A, A][..], &[A][..], 0),
            (&[&web, &web.to_uppercase().replace("SUBSCRIPTIONS", "subscriptions")], &[&web], 0),
            (&[&web, A], &[A], 1),
            (&[&other, A], &[&other, A], 0),
            (&[&profile, ACCOUNT], &[ACCOUNT], 1),
            (&[&section, &profile], &[&profile], 1),
            (&[&section, &profile, ACCOUNT, elsewhere], &[ACCOUNT, elsewhere], 2),
        ] {
            let (found, inside) = by_path(scopes(asked));
            assert_eq!(
                (paths(&found), inside.len()),
                (kept.iter().map(ToString::to_string).collect(), left),
                "{asked:?}"
            );
        }
    }

    #[test]
    fn a_subscriptions_lists_have_those_of_its_groups_and_no_other_scopes_do() {
        let web = format!("{A}/resourceGroups/web");
        let profile = format!("{ACCOUNT}/billingProfiles/p");
        let (kept, inside) =
            by_list(scopes(&[&web, A, &format!("{B}/resourceGroups/web"), &profile, ACCOUNT, ACCOUNT]));
        let expected = [A, &format!("{B}/resourceGroups/web"), &profile, ACCOUNT];
        assert_eq!((paths(&kept), inside.len()), (expected.map(str::to_owned).to_vec(), 1));
    }

    /// The subscriptions in a scope, by their last letter.
    fn settled(asked: &[(&str, Option<&str>)]) -> Result<Vec<String>, bool> {
        let id = |letter: char| format!("10000000-0000-4000-8000-00000000000{letter}").parse().unwrap();
        let members: Vec<_> = asked.iter().map(|(_, of)| of.map(|of| of.chars().map(id).collect())).collect();
        let all = scopes(&asked.iter().map(|(path, _)| *path).collect::<Vec<_>>());
        by_members(all, &members).map(|(kept, _)| paths(&kept)).map_err(|clash| clash.known)
    }

    #[test]
    fn what_is_within_a_wide_scope_is_left_out() {
        let (top, low) = (&*format!("{GROUP}top"), &*format!("{GROUP}low"));
        let web = &*format!("{A}/resourceGroups/web");
        let (department, owner) =
            (&*format!("{ACCOUNT}/departments/1"), &*format!("{ACCOUNT}/enrollmentAccounts/2"));
        let account = &*format!("{ACCOUNT}/departments/2");
        let kept = |paths: &[&str]| Ok(paths.iter().map(ToString::to_string).collect::<Vec<_>>());
        for (asked, expected) in [
            (&[(A, None), (B, None)][..], kept(&[A, B])),
            (&[(top, Some("ac")), (A, None), (B, None), (web, None)], kept(&[top, B])),
            (&[(A, None), (top, Some("a"))], kept(&[top])),
            (&[(top, None), (A, None)], Err(false)),
            (&[(low, Some("a")), (top, Some("ab"))], kept(&[top])),
            (&[(top, Some("ab")), (low, Some("ab"))], kept(&[top])),
            (&[(top, Some("ab")), (low, Some("c"))], kept(&[top, low])),
            (&[(top, Some("ab")), (low, Some("bc"))], Err(true)),
            (&[(top, Some("ab")), (low, None)], Err(false)),
            (&[(top, Some("a")), (ACCOUNT, Some("ab"))], kept(&[ACCOUNT])),
            // The account's own purchases are not in the group.
            (&[(top, Some("abc")), (ACCOUNT, Some("ab"))], Err(true)),
            (&[(department, None), (account, None)], kept(&[department, account])),
            (&[(department, Some("a")), (owner, Some("a"))], Err(true)),
            (&[(department, Some("a")), (owner, Some("b"))], kept(&[department, owner])),
        ] {
            assert_eq!(settled(asked), expected, "{asked:?}");
        }
    }
}
