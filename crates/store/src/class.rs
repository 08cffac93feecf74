//! Classes: who teaches whom, from when until when. Left out: timetables, and where classes come from.

use crate::change::taken;
use crate::read::{LIMIT, bounded};
use crate::rows::checked;
use crate::{Store, StoreError};
use model::{ClassId, ClassKind, ClassPart, PersonId, SchoolId, Scope, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use std::collections::HashMap;

/// A class, with who is in it at a time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Class {
    /// Its id.
    pub id: ClassId,
    /// The school that it is at.
    pub school: SchoolId,
    /// Its name: `Hazel`, `10B Physics`.
    pub name: String,
    /// What it is for.
    pub kind: ClassKind,
    /// Who teaches it.
    pub teachers: Vec<PersonId>,
    /// Who learns in it.
    pub learners: Vec<PersonId>,
}

/// A change of classes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClassChange {
    /// Makes a class, with nobody in it.
    Add {
        /// Its id.
        id: ClassId,
        /// The school that it is at.
        school: SchoolId,
        /// Its name.
        name: String,
        /// What it is for.
        kind: ClassKind,
        /// From when on.
        from: Timestamp,
    },
    /// Puts somebody in.
    Join {
        /// Which class.
        class: ClassId,
        /// Who.
        person: PersonId,
        /// As what.
        part: ClassPart,
        /// From when on.
        from: Timestamp,
        /// Whose record it is.
        scope: Scope,
    },
    /// Ends a class that nobody is in any more.
    End {
        /// Which.
        class: ClassId,
        /// From when on.
        at: Timestamp,
    },
    /// Opens a class again that was ended.
    Reopen {
        /// Which.
        class: ClassId,
    },
    /// Takes somebody out; who has left already is no mistake.
    Leave {
        /// Which class.
        class: ClassId,
        /// Who.
        person: PersonId,
        /// From when on.
        at: Timestamp,
    },
}

/// A class by name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClassName {
    /// Its id.
    pub id: ClassId,
    /// The school that it is at.
    pub school: SchoolId,
    /// Its name.
    pub name: String,
}

impl Store {
    /// The classes that there are at a time, by name, without who is in them.
    pub async fn class_names(&self, now: Timestamp) -> Result<Vec<ClassName>, StoreError> {
        let rows = sqlx::query(
            "select id, scope, name from class where starts <= $1 and (ends is null or ends > $1) \
             order by name, id limit $2",
        )
        .bind(now.0)
        .bind(LIMIT)
        .fetch_all(&self.pool)
        .await?;
        bounded(rows.len(), "class")?;
        let read = |row: &AnyRow| {
            Ok(ClassName {
                id: checked(row, 0, ("class", "id", "a UUID"), ClassId::parse)?,
                school: checked(row, 1, ("class", "scope", "a school"), school_of)?,
                name: row.try_get(2)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Who learns in a class at a time, by id.
    pub async fn learners_of_class(
        &self,
        class: ClassId,
        now: Timestamp,
    ) -> Result<Vec<PersonId>, StoreError> {
        let rows = sqlx::query(
            "select person from class_member where class = $1 and part = $2 and starts <= $3 \
             and (ends is null or ends > $3) order by person limit $4",
        )
        .bind(class.to_string())
        .bind(ClassPart::Learner.slug())
        .bind(now.0)
        .bind(LIMIT)
        .fetch_all(&self.pool)
        .await?;
        bounded(rows.len(), "class_member")?;
        rows.iter()
            .map(|row| checked(row, 0, ("class_member", "person", "a UUID"), PersonId::parse))
            .collect()
    }

    /// The classes that there are at a time, with who is in them then, by name.
    pub async fn classes(&self, now: Timestamp) -> Result<Vec<Class>, StoreError> {
        let rows = sqlx::query(
            "select id, scope, name, kind from class where starts <= $1 and (ends is null or ends > $1) \
             order by name, id limit $2",
        )
        .bind(now.0)
        .bind(LIMIT)
        .fetch_all(&self.pool)
        .await?;
        bounded(rows.len(), "class")?;
        let mut members = self.class_members(now).await?;
        let mut classes = Vec::with_capacity(rows.len());
        for row in &rows {
            let id = checked(row, 0, ("class", "id", "a UUID"), ClassId::parse)?;
            let school = checked(row, 1, ("class", "scope", "a school"), school_of)?;
            let kind = checked(row, 3, ("class", "kind", "a kind of class"), ClassKind::parse)?;
            let here = members.remove(&id).unwrap_or_default();
            let of = |wanted: ClassPart| {
                here.iter().filter(|(part, _)| *part == wanted).map(|(_, person)| *person).collect()
            };
            let (teachers, learners) = (of(ClassPart::Teacher), of(ClassPart::Learner));
            classes.push(Class { id, school, name: row.try_get(2)?, kind, teachers, learners });
        }
        Ok(classes)
    }

    async fn class_members(
        &self,
        now: Timestamp,
    ) -> Result<HashMap<ClassId, Vec<(ClassPart, PersonId)>>, StoreError> {
        let rows = sqlx::query(
            "select class, part, person from class_member where starts <= $1 and (ends is null or ends > $1) \
             order by class, person limit $2",
        )
        .bind(now.0)
        .bind(LIMIT)
        .fetch_all(&self.pool)
        .await?;
        bounded(rows.len(), "class_member")?;
        let mut members: HashMap<ClassId, Vec<(ClassPart, PersonId)>> = HashMap::new();
        for row in &rows {
            let class = checked(row, 0, ("class_member", "class", "a UUID"), ClassId::parse)?;
            let part = checked(row, 1, ("class_member", "part", "teacher or learner"), ClassPart::parse)?;
            let person = checked(row, 2, ("class_member", "person", "a UUID"), PersonId::parse)?;
            members.entry(class).or_default().push((part, person));
        }
        Ok(members)
    }
}

fn school_of(text: &str) -> Option<SchoolId> {
    match Scope::parse(text)? {
        Scope::School(school) => Some(school),
        Scope::Trust => None,
    }
}

pub(crate) async fn apply(connection: &mut AnyConnection, change: &ClassChange) -> Result<(), StoreError> {
    match change {
        ClassChange::Add { id, school, name, kind, from } => {
            sqlx::query("insert into class (id, scope, name, kind, starts) values ($1, $2, $3, $4, $5)")
                .bind(id.to_string())
                .bind(Scope::School(school.clone()).to_string())
                .bind(name.clone())
                .bind(kind.slug())
                .bind(from.0)
                .execute(connection)
                .await?;
        }
        ClassChange::Join { class, person, part, from, scope } => {
            let insert = sqlx::query(
                "insert into class_member (class, scope, person, part, starts) values ($1, $2, $3, $4, $5)",
            )
            .bind(class.to_string())
            .bind(scope.to_string())
            .bind(person.to_string())
            .bind(part.slug())
            .bind(from.0);
            insert.execute(connection).await.map_err(|error| taken(error, "a place in the class"))?;
        }
        ClassChange::End { class, at } => {
            let update =
                sqlx::query("update class set ends = $2 where id = $1 and (ends is null or ends > $2)");
            update.bind(class.to_string()).bind(at.0).execute(connection).await?;
        }
        ClassChange::Reopen { class } => {
            let update = sqlx::query("update class set ends = null where id = $1");
            update.bind(class.to_string()).execute(connection).await?;
        }
        ClassChange::Leave { class, person, at } => {
            let update = sqlx::query(
                "update class_member set ends = $3 where class = $1 and person = $2 and (ends is null or ends > $3)",
            );
            let update = update.bind(class.to_string()).bind(person.to_string()).bind(at.0);
            update.execute(connection).await?;
        }
    }
    Ok(())
}
