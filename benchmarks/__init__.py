"""Speed beside what a user would pick instead; each command alternates its contenders."""
