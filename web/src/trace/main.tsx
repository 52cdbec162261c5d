// The trace: an HTML page of its own, so that it can be hosted as static files.

import { render } from 'solid-js/web'
import '../style/tokens.css'
import '../style/base.css'
import '../style/pages.css'
import './trace.css'
import { TracePage } from './TracePage.tsx'

render(() => <TracePage />, document.getElementById('app')!)
