/** Tenants of one machine. */
export { type Account, accountOf } from './account.ts';
export { existingTenant, type FleetSettings, type HealthSettings, type Tenant, tenantNamed, tenantOfUnit, type TenantSettings, tenantsOf } from './fleet.ts';
export { type Health, type HealthProbe, healthTimeout, probe, untilWell } from './health.ts';
export { openedText, type OpenedText, readOpenedText, wasOpened } from './opened-text.ts';
export { type UnitFile, installedWay, installTenant, plannedInstallation, uninstallTenant } from './systemd/install.ts';
export type { Installation, RootKeyAccount } from './systemd/installation.ts';
export type { ServiceManager, UnitState } from './systemd/service-manager.ts';
export { isBooted, Systemctl } from './systemd/systemctl.ts';
export { tenantDirectories, tenantDirectory, tenantOf } from './tenant-path.ts';
export { type Way, WAYS } from './ways.ts';
