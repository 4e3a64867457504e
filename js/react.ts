"use client";

/** For React: a boundary that reports what is thrown below it, and shows something else in its place. */

import { Component, type ErrorInfo, type ReactNode } from "react";
import { report } from "./src/report.js";
import type { Severity } from "./src/types.js";

/** Properties of `ErrorBoundary`. */
export interface ErrorBoundaryProps {
  children?: ReactNode;
  /** The service's name; else that of `init`. */
  service?: string;
  severity?: Severity;
  userEmail?: string;
  /** What is shown in the place of what failed: by default nothing. A function gets the error, and how to try again. */
  fallback?: ReactNode | ((error: unknown, retry: () => void) => ReactNode);
}

interface State {
  failed: boolean;
  error?: unknown;
}

/** Reports an error of what is rendered below it, once, with the components that it went through. */
export class ErrorBoundary extends Component<ErrorBoundaryProps, State> {
  override state: State = { failed: false };

  static getDerivedStateFromError(error: unknown): State {
    return { failed: true, error };
  }

  override componentDidCatch(error: unknown, { componentStack }: ErrorInfo): void {
    const { service, severity, userEmail } = this.props;
    report({ service, severity, userEmail }, error, true, { context: { component_stack: componentStack } });
  }

  override render(): ReactNode {
    const { children, fallback = null } = this.props;
    const { failed, error } = this.state;
    if (!failed) return children;
    return typeof fallback == "function" ? fallback(error, () => this.setState({ failed: false })) : fallback;
  }
}
