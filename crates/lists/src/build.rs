//! Lists as they were read become one image, through the guard. One list is read, passed on and dropped before the next,
//! so that only the image's own rows grow.

use crate::guard::{Account, Guard};
use crate::list::{ReadList, Says};
use crate::readers::{read_illegal, read_starter};
use crate::report::{Alarm, Cause, DroppedLine, ListReport, Report};
use crate::{Dropped, ListError, Tally, guard_rules};
use bytes::Bytes;
use model::{Host, ListId, Timestamp};
use policy::image::{Image, ImageWriter, NewList, NewSaid};
use policy::rules::ListSource;

/// The id of the list of illegal content that is in every image, whatever the policy lists.
pub const BUILT_IN_ILLEGAL: &str = "illegal-built-in";

/// An image's bytes, and the account of how they came to be.
#[derive(Debug)]
pub struct BuiltImage {
    /// The image, as [`crate::write`] takes it.
    pub bytes: Bytes,
    /// The account.
    pub report: Report,
}

/// An image in the making.
pub(crate) struct Builder {
    guard: Guard,
    writer: ImageWriter,
    /// In the order of the image, each with the count of what was left out.
    lists: Vec<(ListReport, Tally)>,
}

/// What the account says of a list besides what the list knows itself.
pub(crate) struct About {
    pub(crate) is_illegal: bool,
    pub(crate) alarms: Vec<Alarm>,
    pub(crate) meaning: u64,
}

impl Builder {
    /// `own`: the school's own hosts, which no list may block.
    pub(crate) fn new(own: &[Host]) -> Self {
        Self { guard: Guard::new(own), writer: ImageWriter::default(), lists: Vec::new() }
    }

    /// Passes a list on to the image, through the guard.
    pub(crate) fn add(&mut self, list: &ReadList, about: About) -> Result<(), ListError> {
        let mut account = Account { hides_names: about.is_illegal, ..Account::default() };
        let (id, name) = (list.id.clone(), list.name.clone());
        let index = self.writer.list(NewList { id, name, read_at: list.read_at, dropped: Vec::new() })?;
        for row in list.rows() {
            let Says { reach, effect, weight, category } = row.says;
            let said = NewSaid { reach, effect, weight, category, line: row.line };
            let checked = if row.is_address {
                let Some(address) = row.address() else { continue };
                Guard::check_address(address).map(|()| self.writer.push_address(index, address, said))
            } else {
                self.guard.check(row.text, &row.says).map(|()| self.writer.push_name(index, row.text, said))
            };
            if let Err(why) = checked {
                account.add(row.text, category, row.line, why);
            }
        }
        let refused = guard_rules::refused(&self.guard, list, &mut account);
        for (place, rule) in list.rules().iter().enumerate() {
            if !refused.contains_key(&place) {
                self.writer.rule(index, rule.clone());
            }
        }
        account.tally.add_all(&list.dropped);
        self.writer.left_out(index, account.tally.in_words());
        let report = ListReport {
            id: list.id.clone(),
            name: list.name.clone(),
            is_illegal: about.is_illegal,
            names: 0,
            entries: list.len() as u64,
            rules: (list.rules().len() - refused.len()) as u64,
            state: list.state.clone(),
            read_at: list.read_at,
            alarms: about.alarms,
            dropped: Vec::new(),
            first_dropped: first_dropped(list),
            refused: account.refused,
            meaning: about.meaning,
        };
        self.lists.push((report, account.tally));
        Ok(())
    }

    /// Writes the image. The bounds on rules are those of all lists together, so that only now it is known what is beyond.
    pub(crate) fn finish(self, cause: Cause, at: Timestamp) -> Result<(BuiltImage, Image), ListError> {
        let Self { guard: _, writer, mut lists } = self;
        let bytes = Bytes::from(writer.finish()?);
        let image = Image::from_bytes(bytes.clone())?;
        for ((report, _), written) in lists.iter_mut().zip(image.lists()) {
            report.names = written.names;
        }
        let lists = without_left_out(lists, &image)?;
        let report = Report { revision: image.revision().clone(), at, cause, names: image.names(), lists };
        Ok((BuiltImage { bytes, report }, image))
    }
}

/// The account of each list, with the rules that the image has no room for.
fn without_left_out(lists: Vec<(ListReport, Tally)>, image: &Image) -> Result<Vec<ListReport>, ListError> {
    let mut accounts = Vec::with_capacity(lists.len());
    let mut illegal = Vec::new();
    for (place, (mut report, mut tally)) in (0..).zip(lists) {
        let beyond = image.rules_left_out(place);
        tally.add_many(Dropped::TooManyRules, beyond.rules);
        report.rules = report.rules.saturating_sub(beyond.rules);
        report.dropped = tally.in_words();
        let (left_out, kept) = (tally.count(Dropped::TooManyRules), report.rules);
        if left_out > 0 {
            tracing::warn!(
                list = report.id.as_str(),
                left_out,
                kept,
                "there is no room for all rules of a list"
            );
            report.alarms.push(Alarm::RulesLeftOut { left_out, kept });
        }
        if beyond.illegal > 0 || (report.is_illegal && left_out > 0) {
            illegal.push(report.name.to_string());
        }
        accounts.push(report);
    }
    if illegal.is_empty() { Ok(accounts) } else { Err(ListError::IllegalLeftOut { lists: illegal }) }
}

/// Builds the image of these lists. The same entries in another order give the same bytes.
///
/// # Errors
/// [`ListError::Image`] when there are more lists than an image holds, and [`ListError::IllegalLeftOut`].
pub fn build(lists: &[ReadList]) -> Result<BuiltImage, ListError> {
    let mut builder = Builder::new(&[]);
    for list in lists {
        let is_illegal = list.id.as_str() == BUILT_IN_ILLEGAL;
        builder.add(list, About { is_illegal, alarms: Vec::new(), meaning: 0 })?;
    }
    Ok(builder.finish(Cause::schedule(), Timestamp(0))?.0)
}

/// The image of the starter lists alone, in memory: for trying a policy where there is no gate.
///
/// # Errors
/// [`ListError::Image`], were the starter lists too many for an image.
pub fn starter_image(at: Timestamp) -> Result<Image, ListError> {
    let mut list = ReadList::new(ListId::new("starter"), "Starter lists".into(), at);
    read_starter(&mut list);
    Ok(Image::from_bytes(build(&[list, built_in_illegal(at)])?.bytes)?)
}

/// True when an image has something of each of these lists and of the one that is built in. `report`: the image's account,
/// without which a list that has rules alone (pages, patterns, ranges, hashes) is not known to be there.
pub fn holds(image: &Image, report: Option<&Report>, lists: &[ListSource]) -> bool {
    let has = |id: &ListId| has_any_of(image, report, id);
    has(&ListId::new(BUILT_IN_ILLEGAL)) && lists.iter().all(|source| has(&source.id))
}

/// True when an image has names of a list or, by its own account, rules.
pub(crate) fn has_any_of(image: &Image, report: Option<&Report>, id: &ListId) -> bool {
    let told =
        report.filter(|report| report.revision == *image.revision()).and_then(|report| report.list(id));
    told.is_some_and(|told| told.rules > 0)
        || image.lists().iter().any(|list| list.id == *id && list.names > 0)
}

fn first_dropped(list: &ReadList) -> Vec<DroppedLine> {
    let lines = list.first_dropped().iter();
    lines.map(|(line, why)| DroppedLine { line: *line, why: why.words().into() }).collect()
}

/// The list of illegal content that ships. It is no list of the policy, so that no policy can leave it out.
pub(crate) fn built_in_illegal(at: Timestamp) -> ReadList {
    let mut list = ReadList::new(ListId::new(BUILT_IN_ILLEGAL), "Illegal content, built in".into(), at);
    read_illegal(&mut list);
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Category;
    use policy::image::{Conditions, DnsAnswer, Effect, NewRule, Pattern, Weight};

    /// More patterns than half of what an image keeps.
    const MANY: u32 = 30_000;

    fn list(id: &str, category: &str) -> ReadList {
        let mut list = ReadList::new(ListId::new(id), id.into(), Timestamp(0));
        for line in 1..=MANY {
            list.rule(NewRule {
                pattern: Pattern::Wildcard(format!("{id}*-{line}.example").into()),
                conditions: Conditions::default(),
                answer: DnsAnswer::AsUsual,
                effect: Effect::Block,
                weight: Weight::Usual,
                category: Category::parse(category).unwrap(),
                line,
            });
        }
        list
    }

    fn built(lists: &[&ReadList]) -> Result<(Report, Image), ListError> {
        let mut builder = Builder::new(&[]);
        for list in lists {
            let is_illegal = list.rules().iter().all(|rule| rule.category == Category::ILLEGAL);
            builder.add(list, About { is_illegal, alarms: Vec::new(), meaning: 0 })?;
        }
        let (built, image) = builder.finish(Cause::schedule(), Timestamp(0))?;
        Ok((built.report, image))
    }

    #[test]
    fn rules_that_there_is_no_room_for_are_counted_said_and_never_those_of_illegal_content() {
        let (games, bad) = (list("games", "games"), list("bad", "illegal"));
        let (report, image) = built(&[&games, &bad]).unwrap();
        let blocks = |host: &str| !image.lookup(&Host::parse(host).unwrap()).is_empty();
        assert!(blocks("bad-30000.example"), "the last list's last rule");
        assert!(blocks("games-20000.example") && !blocks("games-20001.example"));
        let told = &report.lists[0];
        assert_eq!(told.dropped, [("more rules than an image keeps".into(), 10_000)]);
        assert_eq!(told.alarms, [Alarm::RulesLeftOut { left_out: 10_000, kept: 20_000 }]);
        assert_eq!((told.rules, report.lists[1].rules), (20_000, 30_000));
        assert!(
            report.troubles()[0].contains("10000 of them decide nothing, 20000 do"),
            "{:?}",
            report.troubles()
        );
        assert!(report.lists[1].alarms.is_empty() && report.lists[1].dropped.is_empty());

        let refused = built(&[&bad, &list("worse", "illegal"), &games]).map(drop);
        assert!(
            matches!(&refused, Err(ListError::IllegalLeftOut { lists }) if lists == &["worse"]),
            "{refused:?}"
        );
    }

    #[test]
    fn a_list_of_illegal_content_with_more_rules_than_a_reader_keeps_makes_no_image() {
        let mut list = ReadList::new(ListId::new("bad"), "Bad".into(), Timestamp(0));
        list.left_out(500_001, Dropped::TooManyRules);
        let about = |is_illegal| About { is_illegal, alarms: Vec::new(), meaning: 0 };
        for (is_illegal, expected) in [(true, false), (false, true)] {
            let mut builder = Builder::new(&[]);
            builder.add(&list, about(is_illegal)).unwrap();
            assert_eq!(builder.finish(Cause::schedule(), Timestamp(0)).is_ok(), expected);
        }
    }
}
