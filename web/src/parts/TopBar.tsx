// The bar of the pages that are not the webmail.

import { Logo } from './icons.tsx'

export function TopBar(props: { here: '/live' | '/trace' | '/reports' | '/lab' }) {
  const link = (href: string, text: string) => (
    <a href={href} aria-current={props.here === href ? 'page' : undefined}>
      {text}
    </a>
  )
  return (
    <header class="top-bar">
      <a class="brand" href="/">
        <Logo /> Borderpost
      </a>
      <nav aria-label="Pages">
        {link('/mail', 'Mail')}
        {link('/live', 'Live')}
        {link('/trace', 'Trace')}
        {link('/lab', 'Lab')}
        {/* Only the postmaster reads them, and comes from the mail. */}
        {props.here === '/reports' ? link('/reports', 'Reports') : null}
      </nav>
    </header>
  )
}
