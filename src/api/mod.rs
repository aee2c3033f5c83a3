//! The contract between core and clients: requests, replies, notices and failures, all plain data.
//!
//! Two things implement [`Service`]: the runtime in process, and the daemon's client over the Unix socket. Large
//! bodies never cross it: a reply names a [`BlobRef`], and [`blob`] opens and checks it.

mod blob;
mod candidates_view;
mod decimal;
mod environment;
mod estimate;
mod failure;
mod findings;
mod hold;
mod house_view;
mod models;
mod money;
mod notice;
mod part_view;
mod reading;
mod replay;
mod request;
mod review_view;
mod route;
mod service;
mod ships;
mod view;
mod words;

pub use blob::{BlobRef, BlobStore};
pub use candidates_view::{CandidateView, ChecksTally, ComparedSet, ComparisonView, PickView, PolicyTally};
pub use environment::{ALLOWED_VARIABLE_PREFIX, ALLOWED_VARIABLES, is_allowed_variable};
pub use estimate::{EstimateRequest, EstimateView, RoleEstimateView};
pub use failure::{Failure, FailureKind};
pub use findings::{CheckedPatch, DoctorLine, DoctorReport, Health, RecoverView, RuleView, VerifyView};
pub use hold::{DiscardRequest, DiscardView, PauseRequest, ResumeRequest, SteerRequest};
pub use house_view::{BeadView, BeadsView, IndexView, Metrics, StatusView, StoppedView, TrustView};
pub use models::{BudgetRequest, LendKeysRequest, LentKey, LentView, ModelView, ModelsRequest, ModelsView, RoleView};
pub use money::micros_of;
pub use notice::Notice;
pub use part_view::{PartChange, PartView};
pub use reading::{
    BlameRequest, BlameView, DefinitionView, DefinitionsRequest, DefinitionsView, SourceRequest, SourceView,
};
pub use replay::{DifferenceView, ReplayView, Replayed, ReplayedPatchSet, ReplayedStage, ReplayedVersion};
pub use request::{
    AdoptRequest, AgainstRequest, ArtifactsRequest, BeadsRequest, CancelRequest, CandidateRequest, CheckExtent,
    CheckPatchRequest, CheckRequest, CommentRequest, CompareRequest, ContextRequest, DecideRequest, DeriveRequest,
    DraftRequest, DropDraftRequest, DropRequest, EditRequest, ExcludeRequest, IndexRequest, ListRequest, LogRequest,
    MarkRequest, MetricsRequest, OverrideRequest, PanelRequest, PatchSetRequest, PickRequest, PublishRequest,
    RegenerateRequest, RepositoryRequest, ResolveRequest, RewriteRequest, RunRequest, SendDraftsRequest, ShowRequest,
    Side, StatusRequest, StopRequest, ThreadKind, ThreadsRequest, TickRequest, TimelineRequest, TriageRequest,
    TriageWord, TrustRequest,
};
pub use review_view::{
    CommentView, DraftView, OfferView, PanelView, PlaceNow, ThreadView, ThreadsView, TimelineEntry, TimelineView,
};
pub use route::{Ask, Reply, Request, Route, openapi};
pub use service::{Call, ClientInfo, Connect, NoticeStream, Service, Start, Workbench, ask};
pub use ships::{MonitorRequest, MonitorView, RunbookView};
pub use view::{
    AcceptedView, AdoptedAgain, ArtifactView, ArtifactsView, CallView, CheckView, ContextView, CriterionView,
    DecisionView, FileStat, FileView, GateView, LaneView, LogView, PatchSetView, ReviewView, ScoreView, SessionList,
    SessionRow, SessionView, UsageView, VersionPatchSet, VersionView, ViolationView,
};
pub use words::{
    Base, BaselineStatus, Bound, CheckStatus, DOCUMENTS, Dimension, EngineKind, GateId, IssueSource, Kind,
    MonitorFinding, MonitorReport, MonitorWord, ProgramChoice, Quoted, Rating, Severity, Source, Tenths, Unsaid,
    Verdict, WorkSpec, bead_categories, playbooks, severity_word, status_word,
};
