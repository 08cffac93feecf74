//! What a document says beside who may reach what: its front page, keeping times, passwords, posts, reviews.
//!
//! Left out: whether any of it is so. A figure here is what the school decided; the checks that look at the running
//! system are made elsewhere.
//!
//! As words (`Serialize`) every value is what a page shows; names of fields are those of the file, so that a clause
//! can name `retention.access_log_days` and a reader finds it.

use super::choices::{Counting, Generator, MediaRule, Phase, PostPlace};
use super::values::{
    At, DateText, HashText, LanguageName, Name, RoleName, SeverityName, TermText, ThemeName, TimeZoneText,
};
use model::{Language, PolicyHash, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a document says beside who may reach what.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The SHA-256 of the edition's bytes alone; a settings revision names it.
    pub edition_hash: PolicyHash,
    /// The edition's front page.
    pub edition: Edition,
    /// The settings revision's front page, where one is applied.
    pub settings: Option<Settings>,
    /// What settings revisions may change.
    pub bounds: Bounds,
    /// How long records are kept.
    pub retention: Retention,
    /// Password rules.
    pub passwords: Passwords,
    /// What happens after wrong passwords.
    pub lockout: Lockout,
    /// Accounts and access rights.
    pub access: Access,
    /// Checks of the filter and its lists.
    pub filtering: Filtering,
    /// Who watches, and with what.
    pub monitoring: Monitoring,
    /// Who hears of what.
    pub alerts: Alerts,
    /// Devices and software.
    pub devices: Devices,
    /// Removable media.
    pub media: Media,
    /// Backups.
    pub backups: Backups,
    /// Getting rid of equipment.
    pub disposal: Disposal,
    /// Training and agreements.
    pub training: Training,
    /// Artificial intelligence.
    pub ai: Ai,
    /// The posts.
    pub posts: Vec<Post>,
    /// The reviews that come round.
    pub reviews: Vec<Review>,
    /// The documents that belong with this one.
    pub documents: Vec<RelatedDocument>,
}

/// The front page of an edition.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Edition {
    /// The title on the front page.
    pub title: String,
    /// The version, such as "1.0".
    pub version: String,
    /// Who wrote it, by post.
    pub author: RoleName,
    /// The post that approved it.
    pub approved_by: RoleName,
    /// The date of approval.
    pub approved_on: DateText,
    /// The date by which it is reviewed.
    pub review_on: At<DateText>,
    /// Where the schools' clocks stand.
    pub time_zone: TimeZoneText,
    /// The trust's name; a lone school leaves it out.
    pub trust: Option<String>,
    /// The phases of its schools.
    #[schemars(length(min = 1))]
    pub phases: Vec<Phase>,
    /// The outside standards that the policy answers to.
    #[serde(default)]
    pub standards: Vec<String>,
    /// What changed, newest first.
    #[serde(default)]
    pub change: Vec<Change>,
}

/// A line of the change table.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Change {
    /// The version that it led to.
    pub version: String,
    /// When.
    pub on: DateText,
    /// What changed.
    pub what: String,
}

/// The front page of a settings revision.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Settings {
    /// The title of the edition it belongs to.
    pub edition_title: At<String>,
    /// That edition's version.
    pub edition_version: At<String>,
    /// The SHA-256 of that edition's bytes.
    pub edition_hash: At<HashText>,
    /// Its number within the edition, counted from 1.
    #[schemars(range(min = 1, max = 100_000))]
    pub revision: u32,
    /// Who wrote it, by post.
    pub author: RoleName,
    /// The post that approved it.
    pub approved_by: At<RoleName>,
    /// The date of approval.
    pub approved_on: DateText,
    /// Why it was made.
    pub why: String,
}

/// What a settings revision may change, each with the posts whose approval is enough; none: a new edition is needed.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Bounds {
    /// Adding allow entries.
    #[serde(default)]
    pub allow_entries: Vec<RoleName>,
    /// Adding deny entries and blocked categories.
    #[serde(default)]
    pub deny_entries: Vec<RoleName>,
    /// Adding windows that open a category.
    #[serde(default)]
    pub open_windows: Vec<RoleName>,
    /// Adding windows that close a category or everything.
    #[serde(default)]
    pub close_windows: Vec<RoleName>,
    /// The categories that such a window may open.
    #[serde(default)]
    pub may_open: Vec<super::values::CategoryName>,
    /// Adding lists.
    #[serde(default)]
    pub lists: Vec<RoleName>,
}

/// How long records are kept, in days.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Retention {
    /// Pages, searches, blocks and name look-ups: the most that any of them is kept.
    #[schemars(range(min = 1, max = 3_650))]
    pub access_log_days: u32,
    /// Of these, pages and searches that were not blocked; left out, as long as the others.
    #[schemars(range(min = 1, max = 3_650))]
    pub page_log_days: Option<u32>,
    /// Of these, name look-ups that were answered; left out, as long as the others.
    #[schemars(range(min = 1, max = 3_650))]
    pub name_log_days: Option<u32>,
    /// Changes to the filter and who approved them.
    #[schemars(range(min = 1, max = 3_650))]
    pub change_log_days: u32,
    /// Filter incidents and alerts.
    #[schemars(range(min = 1, max = 3_650))]
    pub incident_log_days: u32,
    /// Sign-ins and other system logs.
    #[schemars(range(min = 1, max = 3_650))]
    pub system_log_days: u32,
}

impl Retention {
    /// How many days pages and searches are kept that were not blocked.
    pub fn page_days(&self) -> u32 {
        self.page_log_days.unwrap_or(self.access_log_days).min(self.access_log_days)
    }

    /// How many days name look-ups are kept that were answered.
    pub fn name_days(&self) -> u32 {
        self.name_log_days.unwrap_or(self.access_log_days).min(self.access_log_days)
    }
}

/// Password rules.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Passwords {
    /// Whether a person's own names, birth date and school are refused in it.
    pub refuse_personal_words: bool,
    /// Whether common and breached ones are refused.
    pub refuse_common: bool,
    /// Phases whose user names and passwords class teachers may keep in a sealed record.
    #[serde(default)]
    pub teacher_records: Vec<Phase>,
    /// Phases whose learners may sign in with a badge while their teacher has opened sign-in for the class. Beyond Key Stage 1
    /// it counts for nothing.
    #[serde(default = "youngest")]
    pub badges: Vec<Phase>,
    /// Phases whose learners may sign in with three pictures under the same condition. Beyond Key Stage 1 it counts for
    /// nothing.
    #[serde(default)]
    pub pictures: Vec<Phase>,
    /// Early years and Key Stage 1.
    pub youngest: Option<YoungestPasswords>,
    /// The other learners, youngest first.
    #[serde(default)]
    pub learners: Vec<LearnerPasswords>,
    /// Staff, governors and visitors.
    pub adults: AdultPasswords,
    /// Administrators and the recovery account.
    pub administrators: AdultPasswords,
    /// Temporary passwords.
    pub temporary: TemporaryPasswords,
}

/// Early years and Key Stage 1.
fn youngest() -> Vec<Phase> {
    vec![Phase::EarlyYears, Phase::Ks1]
}

/// The youngest learners' passwords: short, and without special characters.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct YoungestPasswords {
    /// How one is made.
    pub generator: Generator,
    /// The most characters it has.
    #[schemars(range(min = 4, max = 12))]
    pub at_most: u32,
}

/// Passwords of learners of a phase.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct LearnerPasswords {
    /// The phase.
    pub who: Phase,
    /// How one is made.
    pub generator: Generator,
    /// The fewest characters it has.
    #[schemars(range(min = 6, max = 64))]
    pub at_least: u32,
}

/// Adults' passwords.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AdultPasswords {
    /// How one is made.
    pub generator: Generator,
    /// The fewest characters it has; the clause asks for more than 12.
    #[schemars(range(min = 8, max = 128))]
    pub at_least: u32,
    /// The length that people are encouraged to use.
    #[schemars(range(min = 8, max = 128))]
    pub encouraged: u32,
}

/// Temporary passwords.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TemporaryPasswords {
    /// How one is made.
    pub generator: Generator,
    /// How long one works for adults, in hours.
    #[schemars(range(min = 1, max = 168))]
    pub adult_hours: u32,
    /// How long one works for learners, in hours.
    #[schemars(range(min = 1, max = 168))]
    pub learner_hours: u32,
}

/// What happens after wrong passwords.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Lockout {
    /// Wrong log-ons in a row that lock.
    #[schemars(range(min = 1, max = 20))]
    pub attempts: u32,
    /// How they are counted.
    pub counting: Counting,
    /// When those who approve the policy accepted counting by lane instead of the clause's plain form; left out until then.
    pub lanes_accepted_on: Option<DateText>,
    /// How long the lock lasts, in minutes.
    #[schemars(range(min = 1, max = 1_440))]
    pub minutes: u32,
}

/// Accounts and access rights.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Access {
    /// How often every group's rights are reviewed, in months.
    #[schemars(range(min = 1, max = 36))]
    pub rights_review_months: u32,
    /// How long a visitor's account works, in days.
    #[schemars(range(min = 1, max = 90))]
    pub guest_account_days: u32,
    /// The fewest people who are administrators.
    #[schemars(range(min = 2, max = 20))]
    pub administrators_at_least: u32,
    /// More joiners or leavers than so many of a hundred people make an import wait for a second person.
    #[serde(default = "import_hold_percent")]
    #[schemars(range(min = 0, max = 100))]
    pub import_hold_percent: u32,
    /// How often the recovery account is tried, in days.
    #[schemars(range(min = 1, max = 365))]
    pub recovery_account_test_days: u32,
    /// Roles that always use a second factor, beside every administrator.
    #[serde(default)]
    pub second_factor: Vec<RoleName>,
    /// Whether staff are asked for a second factor away from school.
    pub second_factor_away: bool,
    /// Roles that may reset a password after making sure who asks.
    pub reset_by: Vec<RoleName>,
    /// How often accounts of learners and staff are gone through, in months; a term is four.
    #[serde(default = "accounts_review_months")]
    #[schemars(range(min = 1, max = 12))]
    pub accounts_review_months: u32,
    /// How long a review waits for answers, in days. What is not answered then lapses.
    #[serde(default = "review_days")]
    #[schemars(range(min = 8, max = 90))]
    pub review_days: u32,
    /// How long a request for rights waits for an answer, in days. Without one it lapses.
    #[serde(default = "approval_days")]
    #[schemars(range(min = 4, max = 90))]
    pub approval_days: u32,
    /// Who approves rights before they take effect, and answers for them in a review; the first row that names a role
    /// counts. A role that no row names is approved as the manual says.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub approval: Vec<Approvers>,
}

impl Access {
    /// The roles that approve that somebody gets this one, most usual first.
    pub fn approvers(&self, role: Role) -> Vec<Role> {
        let row = self.approval.iter().find(|row| row.of.iter().any(|of| of.0 == role));
        match row {
            Some(row) => row.by.iter().map(|by| by.0).collect(),
            None => usual_approvers(role).to_vec(),
        }
    }
}

/// Who approves where a document says nothing: governors for the headteacher and their own, the headteacher for leaders,
/// the safeguarding lead too for posts of safeguarding, any leader for all others.
fn usual_approvers(role: Role) -> &'static [Role] {
    match role {
        Role::Headteacher | Role::Governor | Role::ChairOfGovernors => {
            &[Role::Governor, Role::ChairOfGovernors]
        }
        Role::SafeguardingLead | Role::OnlineSafetyLead => {
            &[Role::Headteacher, Role::SafeguardingLead, Role::Governor]
        }
        Role::SeniorLeader
        | Role::BusinessManager
        | Role::DataProtectionOfficer
        | Role::DataProtectionLead
        | Role::GovernanceProfessional => &[Role::Headteacher, Role::Governor],
        Role::Technician | Role::ClassTeacher | Role::Staff | Role::Learner | Role::Guest => {
            &[Role::Headteacher, Role::SeniorLeader, Role::BusinessManager, Role::Governor]
        }
    }
}

fn accounts_review_months() -> u32 {
    4
}

fn review_days() -> u32 {
    21
}

fn approval_days() -> u32 {
    14
}

/// Who approves which roles.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Approvers {
    /// The roles that somebody would get.
    #[schemars(length(min = 1))]
    pub of: Vec<RoleName>,
    /// The roles of which one approves.
    #[schemars(length(min = 1))]
    pub by: Vec<RoleName>,
}

fn import_hold_percent() -> u32 {
    10
}

/// Checks of the filter and its lists.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Filtering {
    /// The greatest age of a list that still counts as fresh, in hours.
    #[schemars(range(min = 1, max = 2_160))]
    pub lists_fresh_hours: u32,
    /// How often the filter is checked on real devices, in days.
    #[schemars(range(min = 1, max = 366))]
    pub check_days: u32,
    /// Who is asked for a change.
    pub changes_asked_of: RoleName,
    /// The days within which a page that was wrongly blocked is looked at.
    #[schemars(range(min = 1, max = 30))]
    pub wrongly_blocked_days: u32,
    /// How parents are told.
    pub parents_told_by: String,
}

/// Who watches, and with what.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Monitoring {
    /// How often logs are looked at, in days.
    #[schemars(range(min = 1, max = 366))]
    pub logs_reviewed_days: u32,
    /// How people are told that they are watched.
    pub users_told_by: String,
    /// How often an outside audit is made, in months.
    #[schemars(range(min = 1, max = 60))]
    pub audit_months: u32,
    /// How often the provider reports, in months.
    #[schemars(range(min = 1, max = 24))]
    pub provider_report_months: u32,
    /// How often the risk register goes to governors, in months.
    #[schemars(range(min = 1, max = 24))]
    pub risk_report_months: u32,
    /// The ways of watching that are used.
    #[serde(default)]
    pub strategy: Vec<Strategy>,
    /// The languages in which words are looked for.
    #[serde(default = "languages")]
    #[schemars(length(min = 1, max = 16))]
    pub languages: Vec<LanguageName>,
    /// The school's own terms: words that mean something here alone.
    #[serde(default)]
    #[schemars(length(max = 200))]
    pub term: Vec<Term>,
}

/// English and Welsh.
fn languages() -> Vec<LanguageName> {
    [Language::English, Language::Welsh].map(LanguageName).to_vec()
}

/// Words that mean something at this school alone.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Term {
    /// The words, one after another, as they stand; misspellings of long ones are found too.
    pub words: At<TermText>,
    /// The theme of the alert.
    pub theme: ThemeName,
    /// How bad it may be.
    pub severity: SeverityName,
    /// Why it is looked for. Whoever reads the alert reads this.
    pub why: String,
}

/// One way of watching.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Strategy {
    /// What is done.
    pub what: String,
    /// The program it is done with, or "none".
    pub program: String,
    /// Who does it.
    pub by: RoleName,
}

/// Who hears of what.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Alerts {
    /// Blocked and worrying content.
    pub safeguarding_to: Vec<RoleName>,
    /// Security events.
    pub security_to: Vec<RoleName>,
    /// Technical incidents that people report.
    pub incidents_to: Vec<RoleName>,
    /// Concerns about how personal data was handled.
    pub data_concerns_to: Vec<RoleName>,
    /// The minutes within which an urgent alert is looked at in school hours.
    #[schemars(range(min = 1, max = 1_440))]
    pub urgent_minutes: u32,
    /// Who watches outside school hours, in words that stand on every queue of alerts.
    #[serde(default = "nobody")]
    pub out_of_hours: String,
    /// The hours within which the regulator hears of a breach that must be told.
    #[schemars(range(min = 1, max = 72))]
    pub regulator_hours: u32,
}

/// Where nobody has said who watches, nobody does.
fn nobody() -> String {
    "nobody".to_owned()
}

/// Devices and software.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Devices {
    /// The minutes after which a screen locks by itself.
    #[schemars(range(min = 1, max = 60))]
    pub screen_lock_minutes: u32,
    /// The days within which a security patch is installed.
    #[schemars(range(min = 1, max = 90))]
    pub patch_days: u32,
    /// The days a device may stay off the network before it is brought in.
    #[schemars(range(min = 1, max = 366))]
    pub away_days: u32,
    /// The hours after which anti-malware definitions count as old.
    #[schemars(range(min = 1, max = 720))]
    pub antimalware_hours: u32,
    /// How often licences are reconciled with what is installed, in months.
    #[schemars(range(min = 1, max = 24))]
    pub licences_months: u32,
    /// Who may permit a program to be installed.
    pub install_permitted_by: Vec<RoleName>,
}

/// Removable media.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Media {
    /// Which may be used.
    pub allowed: MediaRule,
    /// Who hears of a lost one at once.
    pub lost_to: RoleName,
}

/// Backups.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Backups {
    /// How often one runs, in hours.
    #[schemars(range(min = 1, max = 168))]
    pub every_hours: u32,
    /// The hours after which a missing one raises an alert.
    #[schemars(range(min = 1, max = 336))]
    pub missed_after_hours: u32,
    /// How long one is kept, in days.
    #[schemars(range(min = 1, max = 3_650))]
    pub keep_days: u32,
    /// How often a restore is tried, in months.
    #[schemars(range(min = 1, max = 36))]
    pub test_restore_months: u32,
    /// What is backed up.
    #[schemars(length(min = 1))]
    pub what: Vec<String>,
}

/// Getting rid of equipment.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Disposal {
    /// Who authorises it.
    pub authorised_by: RoleName,
    /// The greatest age of an electrical safety check of what is sold or given, in months.
    #[schemars(range(min = 1, max = 48))]
    pub electrical_check_months: u32,
}

/// Training and agreements.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Training {
    /// How often staff train, in months.
    #[schemars(range(min = 1, max = 36))]
    pub staff_months: u32,
    /// How often leads train, in months.
    #[schemars(range(min = 1, max = 36))]
    pub leads_months: u32,
    /// How often agreements are signed again, in months.
    #[schemars(range(min = 1, max = 36))]
    pub agreements_months: u32,
    /// Who signs one.
    #[schemars(length(min = 1))]
    pub agreements_signed_by: Vec<String>,
}

/// Artificial intelligence.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Ai {
    /// How often a product in use is reviewed again, in months.
    #[schemars(range(min = 1, max = 24))]
    pub review_months: u32,
    /// Who decides about a product.
    #[schemars(length(min = 1))]
    pub decided_by: Vec<RoleName>,
}

/// A post: a role that somebody holds, and what it is for. Who holds it is a dated record, not text.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Post {
    /// The role.
    pub role: At<RoleName>,
    /// Where it is held.
    pub at: PostPlace,
    /// True where it must never be vacant.
    pub required: bool,
    /// What it is for.
    pub duty: String,
}

/// Something that comes round.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Review {
    /// Its id.
    pub id: At<Name>,
    /// What is reviewed.
    pub what: String,
    /// How often, in months.
    #[schemars(range(min = 1, max = 60))]
    pub every_months: u32,
    /// Who is asked for it.
    pub owner: RoleName,
    /// When it is next due.
    pub next: At<DateText>,
}

/// A document that belongs with this one.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RelatedDocument {
    /// Its title.
    pub title: String,
    /// Its version.
    pub version: String,
    /// When it is reviewed.
    pub review_on: At<DateText>,
    /// Where it is.
    pub link: String,
}
