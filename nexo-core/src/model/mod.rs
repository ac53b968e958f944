//! The wire types, shared by the server and the SDK.
//!
//! Nothing here does I/O and nothing here knows a database: this module is
//! compiled without any feature, and it is all that `nexo-client` uses.
//!
//! JSON is `snake_case` and times are RFC 3339 in UTC. Unknown fields are
//! refused in requests, so that a misspelt name is an error instead of a lost
//! value, and ignored in answers, so that a newer server may add some.

mod api_key;
mod audit;
mod auth;
mod batch;
mod change;
mod client;
mod dashboard;
mod day;
mod decimal;
mod department;
mod employee;
mod entity;
mod filter;
mod filter_set;
mod filter_value;
mod id;
mod import;
mod list;
mod list_query;
mod member;
mod permission;
mod privacy;
mod problem;
mod professional;
mod project;
mod project_member;
mod role;
#[cfg(feature = "schema")]
pub mod schema;
mod search;
mod second_factor;
mod settings;
mod sign_in;
mod supplier;
mod task;
mod text_enum;
mod transfer;
mod user_data;
mod validate;
mod visibility;

pub use api_key::{ApiKey, ApiKeys, IssuedApiKey, NewApiKey};
pub use audit::{
    AuditAccess, AuditAccesses, AuditAction, AuditCheckpoint, AuditEntry, AuditPage, AuditParams,
    AuditTopic,
};
pub use auth::{
    Account, AuthTokens, ForgotPassword, LoginRequest, MailedToken, PasswordChange, Profile,
    ProfilePatch, RefreshRequest, RegisterRequest, ResetPassword, Session, TokenType, User,
    VerifyEmail,
};
pub use batch::{
    Batch, BatchError, BatchMode, BatchOperation, BatchOutcome, BatchResult, MAX_BATCH,
};
pub use change::Change;
pub use client::{Client, ClientFilter, ClientKind, ClientPatch, ClientStatus, NewClient};
pub use dashboard::{
    BudgetTotal, Dashboard, DashboardAccount, DashboardWork, MemberCount, MyTasks, Pipeline,
    RecentActivity, RecentRecord, RecordCount, Service,
};
pub use decimal::{Decimal, ParseDecimalError};
pub use department::{Department, DepartmentFilter, DepartmentPatch, NewDepartment};
pub use employee::{Employee, EmployeeFilter, EmployeePatch, EmployeeStatus, NewEmployee};
pub use entity::{Content, Entity, Shape};
#[cfg(feature = "db")]
pub use filter::Condition;
pub use filter::{Comparison, FilterField, MAX_FILTER_VALUES, OneOf, Within};
pub use filter_set::Filters;
pub use filter_value::FilterValue;
pub use id::Id;
pub use import::{
    Duplicates, Import, ImportReport, ImportStatus, Imports, MAX_CSV, MAX_PIECE, MAX_XLSX,
    MIN_PIECE, NewImport, ReportedRow, RowOutcome, SheetFormat,
};
pub use list::{
    COUNT_BOUND, Count, CountMode, CountRelation, DEFAULT_LIMIT, Included, ListParams, MAX_LIMIT,
    Page, Sort,
};
pub use member::{
    AcceptInvitation, Invitation, Invitations, Invite, Joined, JoinedAccounts, Member, MemberPatch,
    Members, NewInvitation, SwitchAccount,
};
pub use permission::{Permission, Permissions};
pub use privacy::{
    Erase, Erased, KeptAnswer, KeptImportRow, Person, PersonalData, ReferringRecord,
};
pub use problem::{ErrorCode, FieldCode, FieldError, Problem};
pub use professional::{
    Availability, NewProfessional, Professional, ProfessionalFilter, ProfessionalPatch,
    ProfessionalStatus,
};
pub use project::{NewProject, Project, ProjectFilter, ProjectPatch, ProjectStatus};
pub use project_member::ProjectMember;
pub use role::{BuiltIn, BuiltInRole, NewRole, Role, RolePatch, RoleRef, Roles};
pub use search::{DEFAULT_HITS, Hit, MAX_HITS, MAX_QUERY, Piece, SearchParams, SearchResult};
pub use second_factor::{
    ConfirmSecondFactor, RecoveryCodes, SecondFactorProof, SecondFactorSetup, SecondFactorState,
    SetUpSecondFactor,
};
pub use settings::{AccountSettings, AccountSettingsPatch};
pub use sign_in::{
    ExternalIdentities, ExternalIdentity, FinishSignIn, LinkIdentity, SignIn, SignInProvider,
    SignInProviders, SignInRegistration, StartIdentityLink, StartSignIn, StartedSignIn,
};
pub use supplier::{NewSupplier, Supplier, SupplierFilter, SupplierPatch, SupplierStatus};
pub use task::{NewTask, Task, TaskFilter, TaskPatch, TaskPriority, TaskStatus};
pub use transfer::{Transfer, Transferred};
pub use user_data::{DeleteUser, LogIn, Membership, OneTimeTokenData, SessionData, UserData};
pub use validate::{Validate, Validator, normalize_email};
pub use visibility::Visibility;
