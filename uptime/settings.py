"""Settings, all from the environment (see .env.example); ``uptime.env`` checks each value."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from api.sections import ABOUT, TAGS
from probes.settings import BadSetting, read_settings
from uptime import env, logs
from uptime.broker import CELERY_BROKER_URL, REDIS_URL

BASE_DIR = Path(__file__).resolve().parent.parent

# --- what this installation is ---
DEBUG = env.flag("DEBUG", default=False)
ONEBOX = env.flag("ONEBOX", default=False)  # `make run`: one person's box, with a demo site to try things on
SECRET_KEY = env.secret("SECRET_KEY", at_least=32)
SITE_URL = env.url("SITE_URL", schemes=("https", "http"), default="http://localhost:8000").rstrip("/")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
REGISTRATION_OPEN = env.flag("REGISTRATION_OPEN", default=True)
REGIONS = env.regions("REGIONS", "usa,india")
MONITOR_MIN_INTERVAL_SECONDS = env.number("MONITOR_MIN_INTERVAL_SECONDS", 60, low=1, high=86_400)
DOWN_BACKOFF_AFTER_HOURS = env.number("DOWN_BACKOFF_AFTER_HOURS", 24, low=0, high=8_760)  # 0: never
RETENTION_DAYS = env.number("RETENTION_DAYS", 30, low=1, high=3_650)
ROLLUP_HOURS_MONTHS = env.number("ROLLUP_HOURS_MONTHS", 13, low=1, high=1_200)
AUDIT_RETENTION_DAYS = env.number("AUDIT_RETENTION_DAYS", 365, low=30, high=36_500)
STORAGE_MAX_GB = env.number("STORAGE_MAX_GB", 0, low=0, high=1_000_000)  # 0: no limit
ARCHIVE_DIR = env.text("ARCHIVE_DIR")
if ARCHIVE_DIR and not (Path(ARCHIVE_DIR).is_absolute() and Path(ARCHIVE_DIR).is_dir()):
    env.stop(f"ARCHIVE_DIR must be the full path of a directory that exists, or empty, not {ARCHIVE_DIR!r}.")
TEAM_MAX_MONITORS = env.number("TEAM_MAX_MONITORS", 10_000, low=1, high=1_000_000)
TEAM_MAX_CHECKS_PER_MINUTE = env.number("TEAM_MAX_CHECKS_PER_MINUTE", 60_000, low=1, high=10_000_000)
TEAM_MAX_CHANNELS = env.number("TEAM_MAX_CHANNELS", 50, low=1, high=10_000)
PAGE_MAX_SUBSCRIBERS = env.number("PAGE_MAX_SUBSCRIBERS", 20_000, low=1, high=1_000_000)
API_DOCS_OPEN = env.flag("API_DOCS_OPEN", default=ONEBOX or DEBUG)
API_MAX_ROWS = env.number("API_MAX_ROWS", 500, low=100, high=5_000)
MESSAGE_MAX_AGE = timedelta(hours=env.number("MESSAGE_MAX_AGE_HOURS", 24, low=1, high=168))
EVIDENCE_MAX_BYTES = env.number("EVIDENCE_MAX_BYTES", 32_768, low=4_096, high=1_048_576)
LOGO_MAX_KB = env.number("LOGO_MAX_KB", 900, low=10, high=10_000)
ALERT_GROUP_OVER = env.number("ALERT_GROUP_OVER", 5, low=1, high=1_000)
TRUSTED_PROXY_COUNT = env.number("TRUSTED_PROXY_COUNT", 0, low=0, high=10)
API_KEY_REQUESTS_PER_MINUTE = env.number("API_KEY_REQUESTS_PER_MINUTE", 600, low=0, high=1_000_000)  # 0: no limit
API_PERSON_REQUESTS_PER_MINUTE = env.number("API_PERSON_REQUESTS_PER_MINUTE", 6_000, low=0, high=1_000_000)  # likewise
METRICS_TOKEN = env.text("METRICS_TOKEN")
METRICS_PER_MONITOR = env.number("METRICS_PER_MONITOR", 0, low=0, high=10_000)  # at most so many; 0: none
HEARTBEAT_URL = env.text("HEARTBEAT_URL") and env.url("HEARTBEAT_URL", schemes=("https", "http"))
FIELD_ENCRYPTION_KEYS = env.fernet_keys("FIELD_ENCRYPTION_KEYS")
DEMO_SITE_URL = env.text("DEMO_SITE_URL") if ONEBOX else ""
try:
    # What a monitor may point at: refused when it is saved already, and again whenever it is dialled.
    PROBE_POLICY = read_settings().policy
except BadSetting as error:
    env.stop(str(error))

# --- parts ---
INSTALLED_APPS = [
    "django.contrib.admin.apps.SimpleAdminConfig",  # uptime.urls finds what it shows: workers show nothing
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "csp",
    "django_htmx",
    "drf_spectacular",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "allauth.account",  # wanted by the next two; its own pages and addresses are not used
    "allauth.mfa",
    "allauth.usersessions",
    "accounts",
    "monitors",
    "incidents",
    "maintenance",
    "alerts",
    "checks",
    "heartbeats",
    "drills",
    "statuspages",
    "config",
    "imports",
    "meters",
    "operations",
    "api",
    "dashboard",
    "uptime",
]
MIDDLEWARE = [
    "uptime.middleware.HealthMiddleware",
    "uptime.middleware.RequestIdMiddleware",
    "statuspages.middleware.StatusDomainMiddleware",
    "uptime.middleware.NoStoreMiddleware",
    "uptime.middleware.PlainHttpMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "csp.middleware.CSPMiddleware",
    "uptime.middleware.DatabaseDownMiddleware",
    "uptime.middleware.BodyLimitMiddleware",
    "uptime.middleware.NulMiddleware",
    "uptime.middleware.ApiSlashMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.acting.ActingMiddleware",
    "accounts.access.preferences.PreferencesMiddleware",
    "allauth.account.middleware.AccountMiddleware",  # hands the request to allauth's second factors
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "api.limits.LimitsMiddleware",
    "api.repeating.RepeatingMiddleware",
    "api.conditions.ConditionsMiddleware",
]
ROOT_URLCONF = "uptime.urls"
WSGI_APPLICATION = "uptime.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- stores ---
DATABASES = {
    "default": env.database("DATABASE_URL")
    | {
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
}
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 3)
MIGRATION_LOCK_TIMEOUT_SECONDS = env.number("MIGRATION_LOCK_TIMEOUT_SECONDS", 5, low=0, high=3_600)  # 0: no limit
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "uptime",
        "VERSION": 2,  # 1 was without marks
        # The cache holds hints only: without it pages must still answer, and soon.
        "OPTIONS": {
            "IGNORE_EXCEPTIONS": True,
            "SOCKET_TIMEOUT": 1,
            "SOCKET_CONNECT_TIMEOUT": 1,
            "SERIALIZER": "uptime.cache.SignedPickle",
        },
    }
    if REDIS_URL
    else {
        "BACKEND": "uptime.cache.CountingCache",
        "LOCATION": "uptime_cache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}
DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS = True
SESSION_ENGINE = "django.contrib.sessions.backends.db"

# --- people ---
AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "name")},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
MFA_ADAPTER = "accounts.services.factors.SealedFactors"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_TOLERANCE = 1  # steps of 30 s that a clock may be wrong by
MFA_RECOVERY_CODE_DIGITS = 10
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False  # ours count in the database: accounts.services.tries
OIDC_SERVER_URL = env.text("OIDC_SERVER_URL") and env.url(
    "OIDC_SERVER_URL", schemes=("https", "http") if ONEBOX or DEBUG else ("https",)
)
OIDC_CLIENT_ID = env.text("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = env.text("OIDC_CLIENT_SECRET")
OIDC_NAME = env.text("OIDC_NAME", "Single sign-on")
if OIDC_SERVER_URL and not (OIDC_CLIENT_ID and OIDC_CLIENT_SECRET):
    env.stop("OIDC_SERVER_URL is set, so OIDC_CLIENT_ID and OIDC_CLIENT_SECRET have to be set as well.")
PASSWORD_RESET_TIMEOUT = 3_600 * 4
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
_MAIL = env.email("EMAIL_URL")
globals().update(_MAIL)
# Only with a mail first can sign-up say the same of every address; without a mail server nobody would get in.
EMAIL_VERIFICATION = env.choice(
    "EMAIL_VERIFICATION",
    "mandatory" if _MAIL["EMAIL_BACKEND"].endswith(".smtp.EmailBackend") and not (ONEBOX or DEBUG) else "optional",
    {"optional", "mandatory"},
)
EMAIL_TIMEOUT = 15  # seconds for each step of handing a mail over
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "uptime@localhost")

# --- the browser's rules ---
_HTTPS = SITE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
# The prefix has browsers refuse such a cookie from anywhere but this very host, over TLS.
SESSION_COOKIE_NAME = "__Host-sessionid" if _HTTPS else "sessionid"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "uptime.errors.forged"
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _HTTPS
SECURE_SSL_REDIRECT = _HTTPS
# Behind a proxy, who looks after us asks inside, without TLS.
SECURE_REDIRECT_EXEMPT = [r"^metrics$", r"^readyz$"] if TRUSTED_PROXY_COUNT else []
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXY_COUNT else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
IMPORT_MAX_MB = env.number("IMPORT_MAX_MB", 20, low=1, high=1_000)
IMPORT_MAX_MONITORS = env.number("IMPORT_MAX_MONITORS", 2_000, low=1, high=20_000)
MAX_BODY_BYTES = env.number("MAX_BODY_BYTES", 1_048_576, low=65_536, high=104_857_600)
DATA_UPLOAD_MAX_MEMORY_SIZE = None  # BodyLimitMiddleware has the two numbers above; a third would be below them

# --- files, words, times ---
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = ONEBOX or DEBUG
STATIC_ROOT = None if WHITENOISE_USE_FINDERS else BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if WHITENOISE_USE_FINDERS
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]  # what the account page offers; each has a catalogue
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

# --- the API ---
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.access.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.access.permissions.TeamRole"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["common.serializers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "api.description.Description",
    "EXCEPTION_HANDLER": "uptime.errors.exception_handler",
    "NUM_PROXIES": TRUSTED_PROXY_COUNT,
    "DEFAULT_THROTTLE_CLASSES": [
        "accounts.access.throttles.ScopedThrottle",
        "accounts.access.throttles.CallerThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": {
        "login": "20/min",
        "signup": "20/hour",
        "reset": "10/hour",
        "account": "60/hour",
        "refresh": "60/min",
        "trigger": "10/min",
        "test": "20/min",
        "backtest": "6/min",
        "imports": "20/min",
        "subscribe": "10/hour",
        "page_password": "10/min",
        "invite": "30/hour",
        "config": "30/min",
        "key": f"{API_KEY_REQUESTS_PER_MINUTE}/min" if API_KEY_REQUESTS_PER_MINUTE else None,
        "person": f"{API_PERSON_REQUESTS_PER_MINUTE}/min" if API_PERSON_REQUESTS_PER_MINUTE else None,
        "anonymous": "120/min",
    },
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Uptime",
    "DESCRIPTION": ABOUT,
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVERS": [{"url": "/"}],
    "TAGS": TAGS,
    "DEFAULT_GENERATOR_CLASS": "api.description.Generator",
    "POSTPROCESSING_HOOKS": ["api.description.add_common_parts"],
}
REFRESH_TOKEN_LIFETIME = timedelta(days=14)
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=5),
    "REFRESH_TOKEN_LIFETIME": REFRESH_TOKEN_LIFETIME,
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "ALGORITHM": "HS256",
    "SIGNING_KEY": env.secret("JWT_SIGNING_KEY", at_least=32),
    "AUDIENCE": "uptime-api",
    "ISSUER": "uptime",
    "USER_ID_FIELD": "id",
}

# --- what the machine says ---
LOGGING = logs.as_wanted(
    secrets=[
        *(
            SECRET_KEY,
            METRICS_TOKEN,
            HEARTBEAT_URL,
            OIDC_CLIENT_SECRET,
            str(SIMPLE_JWT["SIGNING_KEY"]),
            *FIELD_ENCRYPTION_KEYS,
        ),
        *(str(DATABASES["default"].get("PASSWORD") or ""), str(globals().get("EMAIL_HOST_PASSWORD") or "")),
        *(urlsplit(url).password or "" for url in (REDIS_URL, CELERY_BROKER_URL)),
    ],
)
# What configuration files may never have filled in (manage.py config).
OWN_VARIABLES = frozenset({*env.READ, "BOOTSTRAP_PASSWORD", "POSTGRES_PASSWORD", "PGPASSWORD"})
SILENCED_SYSTEM_CHECKS: list[str] = []
