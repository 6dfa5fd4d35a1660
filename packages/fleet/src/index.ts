/** Tenants of one machine. */
export { existingTenant, type FleetSettings, type HealthSettings, type Tenant, tenantNamed, tenantOfUnit, type TenantSettings, tenantsOf } from './fleet.ts';
export { type Health, type HealthProbe, healthTimeout, probe, untilWell } from './health.ts';
export type { ServiceManager, UnitState } from './systemd/service-manager.ts';
export { isBooted, Systemctl } from './systemd/systemctl.ts';
export { tenantDirectories, tenantDirectory, tenantOf } from './tenant-path.ts';
export { type Way, WAYS } from './ways.ts';
