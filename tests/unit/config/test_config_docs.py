"""The pages on configuration name every key there is."""

from pathlib import Path

import pytest

import edgeguard
from edgeguard.config import domain_model, maintenance_model, profile_model, reaction_model, site_model
from edgeguard.config.mistakes import Table

DOCS = Path(edgeguard.__file__).parent / "docs"
SITE = [
    site_model.GatewayTable,
    site_model.UplinkTable,
    site_model.StoreTable,
    site_model.ControlTable,
    site_model.CommandsTable,
    site_model.LogTable,
    site_model.ProfilesTable,
    site_model.BusTable,
    site_model.DeviceTable,
    site_model.AlarmOverride,
    site_model.ReportOverride,
    site_model.InterlockTable,
    domain_model.GroupTable,
    maintenance_model.MaintenanceTable,
    maintenance_model.DeviceMaintenanceTable,
    maintenance_model.CurveTable,
    maintenance_model.WatchTable,
    reaction_model.ReactionTable,
]
PROFILE = [profile_model.ProfileTable, profile_model.ModbusTable, profile_model.PointTable, profile_model.AlarmTable]


@pytest.mark.parametrize(("page", "models"), [("configuration.md", SITE), ("profiles.md", PROFILE)])
def test_every_key_is_documented(page: str, models: list[type[Table]]) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    words = set(text.replace("`", " ").replace(".", " ").replace(",", " ").replace("[[", " ").split())
    missing = [f"{model.__name__}.{key}" for model in models for key in model.model_fields if key not in words]
    assert missing == []
