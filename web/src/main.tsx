// The pages of Borderpost: one small program, one page per path.

import { render } from 'solid-js/web'
import './style/tokens.css'
import './style/base.css'
import './style/pages.css'
import { StartPage } from './start/StartPage.tsx'

const PAGES: Record<string, () => Promise<() => void>> = {
  '/mail': async () => {
    const { MailPage } = await import('./mail/MailPage.tsx')
    return () => render(() => <MailPage />, app)
  },
  '/live': async () => {
    const { LivePage } = await import('./live/LivePage.tsx')
    return () => render(() => <LivePage />, app)
  },
  '/oauth/authorize': async () => {
    const { AuthorizePage } = await import('./authorize/AuthorizePage.tsx')
    return () => render(() => <AuthorizePage />, app)
  },
  '/oauth/device': async () => {
    const { DevicePage } = await import('./authorize/DevicePage.tsx')
    return () => render(() => <DevicePage />, app)
  },
  '/reports': async () => {
    const { ReportsPage } = await import('./reports/ReportsPage.tsx')
    return () => render(() => <ReportsPage />, app)
  },
}

const app = document.getElementById('app')!
const page = PAGES[location.pathname.replace(/\/$/, '')]
if (page) page().then((show) => show())
else render(() => <StartPage />, app)
