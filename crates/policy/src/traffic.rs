//! The traffic rules of several groups, or of a group and what a school adds to it, as one.
//!
//! Invariant: whatever one of them shuts is shut.

use crate::rules::{FileRules, TenantRule, Tightening, TrafficRules, UploadRules};
use std::sync::Arc;

/// The rules of a group with what a school adds.
pub(crate) fn tightened(rules: &TrafficRules, added: &[&Tightening]) -> TrafficRules {
    let mut rules = rules.clone();
    for more in added {
        rules.shut.extend(&more.shut);
        rules.files.block.extend(&more.block_files);
    }
    rules
}

/// The strictest of several groups' rules; of none, everything that the default shuts.
pub(crate) fn strictest<'a>(mut groups: impl Iterator<Item = &'a Arc<TrafficRules>>) -> Arc<TrafficRules> {
    let Some(first) = groups.next() else { return Arc::default() };
    groups.fold(Arc::clone(first), |all, more| if all == *more { all } else { Arc::new(both(&all, more)) })
}

fn both(a: &TrafficRules, b: &TrafficRules) -> TrafficRules {
    TrafficRules {
        shut: &a.shut | &b.shut,
        tenants: tenants(&a.tenants, &b.tenants),
        files: FileRules {
            block: &a.files.block | &b.files.block,
            // Where one blocks nothing, its exceptions are none either.
            except: match (a.files.block.is_empty(), b.files.block.is_empty()) {
                (true, _) => b.files.except,
                (_, true) => a.files.except,
                _ => a.files.except.intersection(b.files.except),
            },
        },
        uploads: UploadRules {
            block: a.uploads.block.union(b.uploads.block),
            deny: a.uploads.deny.iter().chain(&b.uploads.deny).cloned().collect(),
            block_files: &a.uploads.block_files | &b.uploads.block_files,
            most_bytes: [a.uploads.most_bytes, b.uploads.most_bytes].into_iter().flatten().min(),
        },
        scan: a.scan.strictest(b.scan),
    }
}

/// Where both groups restrict a service, only accounts that both allow; where they agree on none, those of the first,
/// since a service takes no empty list for "nobody".
fn tenants(a: &[TenantRule], b: &[TenantRule]) -> Vec<TenantRule> {
    let mut all = a.to_vec();
    for rule in b {
        match all.iter_mut().find(|held| held.service == rule.service) {
            None => all.push(rule.clone()),
            Some(held) => {
                let both: Vec<_> =
                    held.allowed.iter().filter(|id| rule.allowed.contains(id)).cloned().collect();
                if !both.is_empty() {
                    held.allowed = both;
                }
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{SWITCHED, TenantService};
    use model::{Category, CategorySet, FileKind, Host, WayRound};

    fn rules(ways: &[WayRound], files: &[FileKind], except: &[&str]) -> TrafficRules {
        let categories = |slugs: &[&str]| -> CategorySet {
            slugs.iter().filter_map(|slug| Category::parse(slug)).collect()
        };
        TrafficRules {
            shut: ways.iter().copied().collect(),
            tenants: Vec::new(),
            files: FileRules { block: files.iter().copied().collect(), except: categories(except) },
            uploads: UploadRules::default(),
            scan: Default::default(),
        }
    }

    fn google(allowed: &[&str]) -> TenantRule {
        let allowed = allowed.iter().map(|id| Arc::from(*id)).collect();
        TenantRule { service: TenantService::Google, allowed, own: None }
    }

    #[test]
    fn what_one_group_shuts_is_shut_for_whoever_may_be_in_it() {
        let mut a =
            rules(&[WayRound::EncryptedHello], &[FileKind::Programs], &["education", "software-updates"]);
        let mut b = rules(&[WayRound::EncryptedDns], &[FileKind::Archives], &["software-updates"]);
        a.uploads.most_bytes = Some(10);
        b.uploads = UploadRules { deny: vec![Host::parse("drop.test").unwrap()], ..UploadRules::default() };
        a.tenants = vec![google(&["a.example", "b.example"])];
        b.tenants = vec![google(&["b.example"])];
        let all = strictest([Arc::new(a), Arc::new(b)].iter());
        assert_eq!(
            all.shut.iter().copied().collect::<Vec<_>>(),
            [WayRound::EncryptedHello, WayRound::EncryptedDns]
        );
        assert!(
            all.files.block.contains(&FileKind::Programs) && all.files.block.contains(&FileKind::Archives)
        );
        assert!(!all.files.except.contains(Category::parse("education").unwrap()));
        assert!(all.files.except.contains(Category::parse("software-updates").unwrap()));
        assert_eq!((all.uploads.most_bytes, all.uploads.deny.len()), (Some(10), 1));
        assert_eq!(all.tenants, [google(&["b.example"])]);
    }

    #[test]
    fn a_group_without_file_rules_takes_away_no_exception_of_another() {
        let a = rules(&[], &[FileKind::Programs], &["education"]);
        let both = strictest([Arc::new(rules(&[], &[], &[])), Arc::new(a.clone())].iter());
        assert_eq!(both.files, a.files);
    }

    #[test]
    fn nobody_s_rules_shut_every_way_round() {
        assert_eq!(strictest([].iter()).shut.len(), SWITCHED.len());
    }

    #[test]
    fn a_school_adds_to_its_trust_s_rules() {
        let more = Tightening {
            shut: [WayRound::Tor].into(),
            block_files: [FileKind::Torrents].into(),
            ..Tightening::default()
        };
        let all = tightened(&rules(&[WayRound::EncryptedHello], &[], &[]), &[&more]);
        assert_eq!((all.shut.len(), all.files.block.len()), (2, 1));
    }
}
