//! Who is on the records of a school, as a difference needs them.

use super::{Imports, answer_of};
use crate::AppError;
use crate::people::is_ordinary;
use model::{ClassKind, PersonId, SchoolId, Scope, YearGroup};
use roster::{Before, ClassName, Known, SourceId};
use std::collections::{HashMap, HashSet};
use store::{ImportRecord, PersonSource};

impl Imports<'_> {
    /// Everybody of the import's school, and what was answered about its rows.
    pub(super) async fn before(&self, record: &ImportRecord) -> Result<Before, AppError> {
        let school = &record.staged.school;
        let place = Scope::School(school.clone());
        let sources: HashMap<PersonId, PersonSource> =
            self.store.person_sources(school).await?.into_iter().map(|link| (link.person, link)).collect();
        let mut classes = self.classes_by_person(school).await?;
        let decides = self.who_decides().await?;
        let mut people = Vec::new();
        for person in self.store.people().await? {
            let Some(held) = person.affiliation_at(&place) else { continue };
            let link = sources.get(&person.id);
            // Whatever else they are here counts too: a leader who is a member of staff first.
            let mut here = person.affiliations.iter().filter(|held| held.scope.covers(&place));
            let decides_here = here.any(|held| held.scope == Scope::Trust || !is_ordinary(held.role));
            people.push(Known {
                person: person.id,
                source: link.and_then(|link| SourceId::parse(&link.source)),
                has_left: link.is_some_and(|link| link.left.is_some()),
                born: link.and_then(|link| link.born.as_deref()?.parse().ok()),
                role: held.role,
                year: held.year,
                classes: classes.remove(&person.id).unwrap_or_default(),
                decides: decides_here || decides.contains(&person.id),
                name: person.display_name,
            });
        }
        people.sort_by(|one, other| (&one.name, one.person).cmp(&(&other.name, other.person)));
        let answers = self.store.import_answers(record.staged.id).await?.into_iter();
        let answers =
            answers.filter_map(|(source, person)| Some((SourceId::parse(&source)?, answer_of(person))));
        Ok(Before { people, answers: answers.collect() })
    }

    /// The oldest year group of the school's learners: it leaves at the end of the year.
    pub(super) async fn oldest_year(&self, school: &SchoolId) -> Result<YearGroup, AppError> {
        let place = Scope::School(school.clone());
        let people = self.store.people().await?;
        let left: HashSet<PersonId> = self
            .store
            .person_sources(school)
            .await?
            .into_iter()
            .filter(|link| link.left.is_some())
            .map(|link| link.person)
            .collect();
        let years = people.iter().filter(|person| !left.contains(&person.id));
        let oldest = years.filter_map(|person| person.affiliation_at(&place)?.year).max();
        oldest.ok_or_else(|| {
            AppError::refused("There are no learners at this school yet.", "expected learners, found none")
        })
    }

    async fn classes_by_person(
        &self,
        school: &SchoolId,
    ) -> Result<HashMap<PersonId, Vec<ClassName>>, AppError> {
        let mut classes: HashMap<PersonId, Vec<ClassName>> = HashMap::new();
        for class in self.store.classes(self.now()).await?.into_iter().filter(|class| class.school == *school)
        {
            let name = ClassName { kind: class.kind, name: class.name };
            for person in class.teachers.iter().chain(&class.learners) {
                classes.entry(*person).or_default().push(name.clone());
            }
        }
        classes.values_mut().for_each(|held| {
            held.sort_by_key(|class| (class.kind != ClassKind::Registration, class.name.clone()));
            held.dedup();
        });
        Ok(classes)
    }

    /// Whoever holds a post or an account beyond the everyday one, and whoever acts.
    async fn who_decides(&self) -> Result<HashSet<PersonId>, AppError> {
        let posts = self.store.post_holders(self.now()).await?.into_iter().map(|post| post.person);
        let accounts = self.store.accounts().await?.into_iter();
        let beyond = accounts.filter(|account| account.kind.administers()).map(|account| account.person);
        let mut decides: HashSet<PersonId> = posts.chain(beyond).collect();
        if let model::Actor::Person { id, .. } = self.actor {
            decides.insert(*id);
        }
        Ok(decides)
    }
}
