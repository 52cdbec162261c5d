// The floors (docs/architecture.md): imports go down only. A floor may import the floors below it and itself.
const FLOORS = ['cli', 'web', 'system', 'lab', 'roles', 'identity', 'filter', 'store', 'protocols', 'message', 'notation', 'world']
// identity, filter and store stand side by side above protocols; each may use the ones after it in this list.
const rules = FLOORS.slice(1).map((floor, i) => ({
  name: `${floor}-imports-down-only`,
  severity: 'error',
  from: { path: `^src/${floor}/`, pathNot: '\\.test\\.ts$' },
  to: { path: `^src/(${FLOORS.slice(0, i + 1).join('|')})/` },
}))
module.exports = {
  forbidden: [
    ...rules,
    { name: 'no-circular', severity: 'error', from: { pathNot: '\\.test\\.ts$' }, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
    {
      name: 'io-only-in-world',
      comment: 'All I/O goes through src/world/.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(world|cli)/|\\.test\\.ts$' },
      to: { path: '^(node:)?(net|tls|dns|dgram|fs|fs/promises|sqlite|timers|timers/promises|worker_threads|child_process)$' },
    },
  ],
  options: { tsPreCompilationDeps: true, doNotFollow: { path: 'node_modules' }, enhancedResolveOptions: { extensions: ['.ts', '.js'] } },
}
