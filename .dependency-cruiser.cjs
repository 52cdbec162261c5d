// The floors (docs/architecture.md): imports go down only. A floor may import the floors below it and itself.
const FLOORS = ['cli', 'web', 'system', 'lab', 'roles', 'identity', 'filter', 'protocols', 'store', 'message', 'notation', 'world']
// protocols stand above the store: IMAP, POP3 and JMAP are views of it, and an adapter between would be a second vocabulary.
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
