//! The order of networks: one that lies inside another comes before it, so that the first match is the right one.

use super::edition::NetworkFile;
use ipnet::IpNet;

/// The networks' indices, inner ones first, otherwise in the order of the document.
///
/// Two networks that lie inside each other by different ranges have no such order; then it is the index of one.
pub(crate) fn inner_first(networks: &[NetworkFile]) -> Result<Vec<usize>, usize> {
    let inside = |inner: &NetworkFile, outer: &NetworkFile| {
        inner.ranges.iter().any(|a| outer.ranges.iter().any(|b| is_within(&a.0, &b.0)))
    };
    let mut waiting: Vec<(usize, Vec<usize>)> = networks
        .iter()
        .enumerate()
        .map(|(outer, network)| {
            let inner =
                networks.iter().enumerate().filter(|(at, other)| *at != outer && inside(other, network));
            (outer, inner.map(|(at, _)| at).collect())
        })
        .collect();
    let mut order = Vec::with_capacity(networks.len());
    let mut placed = std::collections::HashSet::new();
    while let Some(at) = waiting.iter().position(|(_, inner)| inner.iter().all(|at| placed.contains(at))) {
        let (next, _) = waiting.remove(at);
        placed.insert(next);
        order.push(next);
    }
    waiting.first().map_or(Ok(order), |(stuck, _)| Err(*stuck))
}

/// True when `inner` is a part of `outer` and not all of it.
pub(crate) fn is_within(inner: &IpNet, outer: &IpNet) -> bool {
    inner != outer && outer.contains(inner)
}
