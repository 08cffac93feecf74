//! What the running system saw. Plain values: `None` is "not looked at", which is never the same as "all is well".

use model::{Day, Outcome, PolicyHash, Role, Timestamp};

/// Everything the checks look at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// When the facts were gathered.
    pub now: Timestamp,
    /// The policy.
    pub policy: Option<PolicySeen>,
    /// The illegal-content layer.
    pub illegal: Option<IllegalLayer>,
    /// Groups and people.
    pub groups: Option<GroupsSeen>,
    /// The lists in force.
    pub lists: Option<ListsSeen>,
    /// The recording of requests.
    pub requests: Option<RequestsSeen>,
    /// Keeping times.
    pub retention: Option<RetentionSeen>,
    /// Ways round the filter.
    pub circumvention: Option<TriedAsLearners>,
    /// Harmful content.
    pub harmful: Option<HarmfulSeen>,
    /// Stored passwords.
    pub passwords: Option<PasswordsSeen>,
    /// The lock-out.
    pub lockout: Option<LockoutSeen>,
    /// What should be listening.
    pub listeners: Vec<Listener>,
    /// Required posts.
    pub posts: Option<PostsSeen>,
    /// Alerts, reports and the weekly report.
    pub alerts: Option<AlertsSeen>,
    /// The record of changes.
    pub audit: Option<AuditSeen>,
    /// Accounts, rights, visitors and administrators.
    pub access: Option<AccessSeen>,
}

impl Facts {
    /// Before anything was looked at.
    pub fn nothing_seen(now: Timestamp) -> Self {
        Self {
            now,
            policy: None,
            illegal: None,
            groups: None,
            lists: None,
            requests: None,
            retention: None,
            circumvention: None,
            harmful: None,
            passwords: None,
            lockout: None,
            listeners: Vec::new(),
            posts: None,
            alerts: None,
            audit: None,
            access: None,
        }
    }
}

/// What is seen of accounts, rights, visitors and administrators. What is counted over time is counted over a year.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccessSeen {
    /// Accounts that may be used.
    pub accounts: u64,
    /// Temporary passwords that never run out.
    pub temporary_without_end: u64,
    /// Temporary passwords that need not be replaced.
    pub temporary_that_stay: u64,
    /// People with an administrator account, a second factor that has worked, and a post that lets them administer.
    pub administrators: u64,
    /// How many the policy asks for.
    pub administrators_needed: u32,
    /// Recovery accounts that open what a leader of all of it may do.
    pub recovery_accounts: u64,
    /// When the one that was tried longest ago was tried, or made.
    pub recovery_tried: Option<Timestamp>,
    /// How often one is to be tried.
    pub recovery_test_ms: i64,
    /// Visitors' accounts that do not end by themselves.
    pub visitors_without_end: u64,
    /// Visitors' accounts of no pool.
    pub visitors_unlogged: u64,
    /// Visitors' accounts that were handed out.
    pub visitors_issued: u64,
    /// Visitors' accounts that are over and not destroyed.
    pub visitors_left: u64,
    /// People who are signed in at two addresses now.
    pub in_two_places: u64,
    /// Passwords that were given to somebody in the console.
    pub resets: u64,
    /// Those of them of which nobody wrote down how it was made sure who asked.
    pub resets_unsure: u64,
    /// Requests for rights that wait beyond their day.
    pub requests_late: u64,
    /// Rights in the console that somebody has.
    pub rights: u64,
    /// Those that a second person approved in the console.
    pub grants: u64,
    /// Those of them that are due to be looked at again.
    pub grants_late: u64,
    /// The reviews of rights, one for each place within reach.
    pub reviews: Vec<ReviewSeen>,
    /// Changes that reviews of rights asked for and that are not made.
    pub changes_undone: u64,
}

/// The reviews of rights at a place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReviewSeen {
    /// Where, in words.
    pub place: String,
    /// When the last one was over.
    pub closed: Option<Timestamp>,
    /// By when the next one must be over; `None` where none was.
    pub next: Option<Timestamp>,
    /// When one that is not over should be.
    pub ends: Option<Timestamp>,
}

/// What the last look at the record of changes found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditSeen {
    /// When it was looked at.
    pub at: Timestamp,
    /// Facts that stand where they were written.
    pub facts: u64,
    /// When one was last signed.
    pub signed: Option<Timestamp>,
    /// What is wrong, a whole sentence each.
    pub faults: Vec<String>,
}

/// What is seen of alerts, of the messages that leave, of reports and of the weekly report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlertsSeen {
    /// When the monitoring rules last looked at what was asked for.
    pub watched: Option<Timestamp>,
    /// True where an address is set up that alerts are sent to.
    pub is_told: bool,
    /// Alerts that nobody acknowledged in their time.
    pub late: u64,
    /// Messages that have waited for longer than an hour, and messages that were given up in the last day.
    pub messages_stuck: u64,
    /// When a test alert was last acknowledged.
    pub tested: Option<Timestamp>,
    /// When anybody last reported anything.
    pub reported: Option<Timestamp>,
    /// Reports that nobody acknowledged in their time.
    pub reports_late: u64,
    /// When a weekly report was last signed.
    pub signed: Option<Timestamp>,
}

/// The policy that was approved and the one that decides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicySeen {
    /// When the stored text was approved.
    pub approved_at: Timestamp,
    /// By whom.
    pub approved_by: Approver,
    /// The hash of the stored text, worked out when the facts were gathered; `None` where that text cannot be read, or is
    /// not the one that was approved.
    pub approved: Option<PolicyHash>,
    /// The hash of the text that decides now.
    pub deciding: PolicyHash,
    /// When its next review is due.
    pub review_due: Option<Timestamp>,
    /// Whether the last approval could be put in force.
    pub taken_up: TakenUp,
}

/// Who approved a policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Approver {
    /// A person who held the post that the document names; in words.
    PostHolder(String),
    /// Somebody at the command line, where nobody holds a post: an emergency.
    CommandLine {
        /// Who, in words.
        who: String,
        /// The reason that was given.
        reason: String,
    },
}

/// Whether what was approved last decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TakenUp {
    /// Nothing went wrong.
    Yes,
    /// It could not be put in force; the log says why.
    Failed,
}

/// The illegal-content layer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IllegalLayer {
    /// What became of a harmless host that stands on the layer's own test list, asked for by everybody in turn.
    pub self_test: Option<SelfTest>,
    /// The policy's lists of illegal content, from organisations that the school is a member of.
    pub member_lists: Vec<MemberList>,
}

/// A list of illegal content that the policy names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberList {
    /// Its name.
    pub name: String,
    /// How many names and rules of it are in force.
    pub entries: u64,
    /// When what is in force of it was read from its source; `None` where it is not in force.
    pub read_at: Option<Timestamp>,
    /// What became of the address that its keeper gives for tests, asked for by everybody in turn with everything else
    /// off; `None` where the policy names none.
    pub test: Option<Outcome>,
}

/// The outcome of a self-test, and when it was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SelfTest {
    /// When.
    pub at: Timestamp,
    /// What became of it.
    pub outcome: Outcome,
}

/// Groups, and who is in none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupsSeen {
    /// Groups of people in the policy.
    pub groups: usize,
    /// People on the roster.
    pub people: usize,
    /// Those among them that no group names.
    pub people_without_group: usize,
    /// Groups with staff in them, and groups with learners in them.
    pub of_staff_and_learners: (usize, usize),
    /// Names of two groups that have the same rules although one is of staff and the other of learners, or both of
    /// learners at other stages.
    pub alike: Vec<(String, String)>,
}

/// The lists in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListsSeen {
    /// How old a list may be, as the policy says, in hours.
    pub fresh_hours: u32,
    /// Each list that the policy names.
    pub lists: Vec<ListSeen>,
    /// Since when lists are not updated, because somebody went back to earlier ones.
    pub held_since: Option<Timestamp>,
}

/// A list that the policy names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListSeen {
    /// Its name.
    pub name: String,
    /// When what is in force of it was read from its source; `None` where it is not in force.
    pub read_at: Option<Timestamp>,
    /// How many names it has.
    pub names: u64,
    /// Where it comes from.
    pub kept: Kept,
    /// What of it somebody should look at, a whole sentence each: a reading that waits to be accepted, a failed test.
    pub alarms: Vec<String>,
}

/// Who keeps a list up to date.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    /// Somebody outside, at its source.
    BySource,
    /// Nobody: it ships with the program, and changes with it alone.
    WithProgram,
}

/// The recording of requests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestsSeen {
    /// When the newest of the requests was made that this process recorded since its start.
    pub newest: Option<Timestamp>,
    /// Requests lost since start.
    pub lost: u64,
    /// What went wrong at the last attempt to write, where it went wrong.
    pub trouble: Option<String>,
}

/// Keeping times.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RetentionSeen {
    /// What the policy says, in days.
    pub days: u32,
    /// The last time older days were taken away, and the keeping time that was used, in days.
    pub expired: Option<(Timestamp, u32)>,
    /// The oldest day of the access log.
    pub oldest: Option<Day>,
}

/// Categories of the lists, tried with harmless test names as each group of learners.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TriedAsLearners {
    /// Groups that were tried.
    pub groups: usize,
    /// What was not blocked: group and category, or a way round that the policy has open for the group.
    pub open: Vec<(String, String)>,
    /// True when the lists in force name at least one host of each of the categories that were tried.
    pub lists_name_them: bool,
}

/// Harmful content, and who keeps the lists that know it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HarmfulSeen {
    /// What became of it.
    pub tried: TriedAsLearners,
    /// The categories for which no list is in force that somebody outside keeps.
    pub without_kept_list: Vec<String>,
}

/// Stored passwords.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PasswordsSeen {
    /// Accounts.
    pub accounts: u64,
    /// Accounts whose password is stored as today's one-way hash.
    pub hashed: u64,
}

/// Something that should be listening.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listener {
    /// Its name: "DNS filter", "Web proxy".
    pub name: String,
    /// What is known of it.
    pub state: ListenerState,
    /// When that was seen.
    pub at: Timestamp,
}

/// Whether something listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ListenerState {
    /// It does.
    Listening,
    /// It does not: why.
    Stopped(String),
}

/// Required posts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PostsSeen {
    /// How many are required.
    pub required: usize,
    /// Those that nobody holds.
    pub vacant: Vec<PostVacant>,
}

/// A post that nobody holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PostVacant {
    /// The post.
    pub role: Role,
    /// Where, in words.
    pub place: String,
}

/// How wrong passwords lock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LockoutSeen {
    /// Wrong ones in a row that lock.
    pub attempts: u32,
    /// For how long, in minutes.
    pub minutes: u32,
    /// How they are counted.
    pub counting: CountingSeen,
    /// What became of a made-up account on which that many wrong ones were tried with the rules in force.
    pub tried: LockTried,
}

/// How wrong passwords are counted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CountingSeen {
    /// By account alone, the clause's plain form.
    ByAccount,
    /// By where they come from: since when those who approve the policy accept it, as the policy's text says, and by which
    /// review they are asked.
    ByLane {
        /// `None` where the text does not say so.
        accepted: Option<String>,
        /// When the policy is reviewed.
        review: String,
    },
}

/// What became of the try.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LockTried {
    /// It locked with the last of them, not before, for as long as the policy says.
    Locked,
    /// It did not lock, or not then.
    Otherwise,
}
