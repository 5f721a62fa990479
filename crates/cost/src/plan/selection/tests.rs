use super::*;

fn by(name: &str) -> Grouping {
    name.strip_prefix("tag:")
        .map_or(Grouping::Dimension(name.to_owned()), |key| Grouping::Tag(key.to_owned()))
}

fn condition(name: &str, values: &[&str]) -> Condition {
    Condition { by: by(name), values: values.iter().map(|value| (*value).to_owned()).collect() }
}

fn select(shown: &[&str], filter: &[Condition], exclude: &[Condition]) -> Option<Selection> {
    let shown: Vec<Grouping> = shown.iter().map(|name| by(name)).collect();
    Selection::new(&shown, &[], filter, exclude).unwrap()
}

fn grouping(selection: &Selection) -> Vec<&str> {
    selection.grouping.iter().map(Grouping::name).collect()
}

#[test]
fn a_condition_on_what_is_listed_is_azures() {
    let one = select(&[], &[condition("ServiceName", &["a", "A", "b"])], &[]).unwrap();
    assert_eq!(one.filter, Some(Filter::dimension("ServiceName", ["a", "b"])));
    let filter = [condition("ServiceName", &["a"]), condition("tag:env", &["x"])];
    let two = select(&[], &filter, &[]).unwrap();
    let both = Filter::And(vec![Filter::dimension("ServiceName", ["a"]), Filter::tag("env", ["x"])]);
    assert_eq!((two.filter, two.taken), (Some(both), None));
}

#[test]
fn a_dimension_twice_must_hold_twice() {
    let filter = [condition("ServiceName", &["a", "b"]), condition("servicename", &["B", "c"])];
    assert_eq!(select(&[], &filter, &[]).unwrap().filter, Some(Filter::dimension("ServiceName", ["b"])));
    assert!(select(&[], &[condition("A", &["a"]), condition("A", &["b"])], &[]).is_none());
    // What is excluded of what is listed is taken off the list.
    let listed = select(&[], &filter[..1], &[condition("ServiceName", &["A"])]).unwrap();
    assert_eq!(listed.filter, Some(Filter::dimension("ServiceName", ["b"])));
    assert!(grouping(&listed).is_empty() && listed.taken.is_none());
    assert!(select(&[], &filter[1..], &[condition("ServiceName", &["b", "C"])]).is_none());
}

#[test]
fn what_is_excluded_is_grouped_by_where_there_is_room() {
    let exclude = [condition("Meter", &["m"]), condition("tag:env", &["dev"])];
    let grouped = select(&[], &[], &exclude).unwrap();
    assert_eq!((grouping(&grouped), &grouped.taken), (vec!["Meter", "env"], &None));
    // Without room for all, what is not grouped by is taken off, and Azure groups by no more than is shown.
    let taken = select(&["ServiceName"], &[condition("A", &["a"])], &exclude).unwrap();
    assert_eq!(grouping(&taken), ["ServiceName"]);
    let either = Filter::Or(vec![Filter::dimension("Meter", ["m"]), Filter::tag("env", ["dev"])]);
    assert_eq!(taken.taken, Some(Filter::And(vec![Filter::dimension("A", ["a"]), either])));
    let half = select(&["meter", "ServiceName"], &[], &exclude).unwrap();
    assert_eq!(half.taken, Some(Filter::tag("env", ["dev"])));
}

#[test]
fn no_value_is_told_apart_by_grouping_alone() {
    let untagged = [condition("tag:env", &[""])];
    assert_eq!(grouping(&select(&["A"], &untagged, &[]).unwrap()), ["A", "env"]);
    assert_eq!(grouping(&select(&["A"], &[], &untagged).unwrap()), ["A", "env"]);
    assert_eq!(select(&["A"], &untagged, &[]).unwrap().filter, None);
    let full = [by("A"), by("B")];
    let refused = Err(InvalidQuery::NoRoomForNone { name: "env".to_owned() });
    assert_eq!(Selection::new(&full, &[], &untagged, &[]).map(|_| ()), refused);
    assert_eq!(Selection::new(&full, &[], &[], &untagged).map(|_| ()), refused);
    // What else is excluded is taken off then.
    let exclude = [condition("tag:env", &["", "dev"]), condition("Meter", &["m"])];
    let selection = select(&["A"], &[], &exclude).unwrap();
    assert_eq!(
        (grouping(&selection), selection.taken.clone()),
        (vec!["A", "env"], Some(Filter::dimension("Meter", ["m"])))
    );
}

#[test]
fn a_condition_without_values_is_none() {
    let none = [condition("A", &[])];
    assert_eq!(Selection::new(&[], &[], &none, &[]).map(|_| ()), Err(InvalidQuery::NoValues));
    assert_eq!(Selection::new(&[], &[], &[], &none).map(|_| ()), Err(InvalidQuery::NoValues));
}
